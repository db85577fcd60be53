package com.amazonaws.services.lambda.runtime;

/** How the Log4j appender for Lambda tells that it is in use, and the runtime its logger. */
public final class LambdaRuntimeInternal {
  private static volatile boolean log4jAppender;

  private LambdaRuntimeInternal() {}

  public static void setUseLog4jAppender(boolean used) {
    log4jAppender = used;
  }

  public static boolean getUseLog4jAppender() {
    return log4jAppender;
  }

  public static void setLogger(LambdaLogger logger) {
    LambdaRuntime.setLogger(logger);
  }
}
