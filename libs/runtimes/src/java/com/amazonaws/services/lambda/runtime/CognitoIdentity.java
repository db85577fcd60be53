package com.amazonaws.services.lambda.runtime;

/** The identity of a caller that came through Cognito; its values are null for any other. */
public interface CognitoIdentity {
  String getIdentityId();

  String getIdentityPoolId();
}
