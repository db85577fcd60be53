package com.amazonaws.services.lambda.runtime;

/** What a handler is told of its invocation and its function. */
public interface Context {
  String getAwsRequestId();

  String getLogGroupName();

  String getLogStreamName();

  String getFunctionName();

  String getFunctionVersion();

  /** With the qualifier as the caller wrote it. */
  String getInvokedFunctionArn();

  CognitoIdentity getIdentity();

  /** Null when the caller sent none. */
  ClientContext getClientContext();

  int getRemainingTimeInMillis();

  int getMemoryLimitInMB();

  LambdaLogger getLogger();

  /** Of a function that keeps tenants apart: whose invocation it is. */
  default String getTenantId() {
    return null;
  }

  default String getXrayTraceId() {
    return null;
  }
}
