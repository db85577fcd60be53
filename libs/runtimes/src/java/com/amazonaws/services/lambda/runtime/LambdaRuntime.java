package com.amazonaws.services.lambda.runtime;

import com.amazonaws.services.lambda.runtime.logging.LogLevel;

/** The way to the function's log for code that has no context at hand. */
public final class LambdaRuntime {
  private static volatile LambdaLogger logger = new ToStandardOutput();

  private LambdaRuntime() {}

  public static LambdaLogger getLogger() {
    return logger;
  }

  /** For the runtime alone. */
  static void setLogger(LambdaLogger to) {
    logger = to;
  }

  private static final class ToStandardOutput implements LambdaLogger {
    @Override
    public void log(String message) {
      System.out.println(message);
    }

    @Override
    public void log(byte[] message) {
      System.out.write(message, 0, message.length);
    }

    @Override
    public void log(String message, LogLevel level) {
      log(message);
    }
  }
}
