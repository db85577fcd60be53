package com.amazonaws.services.lambda.runtime;

/** A function from one object to another; the runtime translates both from and to JSON. */
public interface RequestHandler<I, O> {
  O handleRequest(I input, Context context);
}
