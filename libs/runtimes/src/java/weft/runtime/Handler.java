package weft.runtime;

import com.amazonaws.services.lambda.runtime.Context;

/** A function's code, from the bytes of an event to those of its answer. Throws what the code throws. */
interface Handler {
  byte[] run(byte[] event, Context context) throws Throwable;
}
