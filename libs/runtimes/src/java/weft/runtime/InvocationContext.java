package weft.runtime;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.util.LinkedHashMap;
import java.util.Map;
import weft.runtime.json.JsonReader;

/** The context of one invocation, of the header of its frame and the function's environment. */
final class InvocationContext implements Context {
  private final Map<?, ?> header;
  private final LambdaLogger logger;

  InvocationContext(Map<?, ?> header, LambdaLogger logger) {
    this.header = header;
    this.logger = logger;
  }

  @Override
  public String getAwsRequestId() {
    return (String) header.get("requestId");
  }

  @Override
  public String getInvokedFunctionArn() {
    return (String) header.get("invokedFunctionArn");
  }

  @Override
  public int getRemainingTimeInMillis() {
    long deadlineMs = ((Number) header.get("deadlineMs")).longValue();
    return (int) Math.max(0, Math.min(Integer.MAX_VALUE, deadlineMs - System.currentTimeMillis()));
  }

  @Override
  public String getXrayTraceId() {
    return (String) header.get("traceId");
  }

  @Override
  public String getTenantId() {
    return (String) header.get("tenantId");
  }

  @Override
  public String getLogGroupName() {
    return System.getenv("AWS_LAMBDA_LOG_GROUP_NAME");
  }

  @Override
  public String getLogStreamName() {
    return System.getenv("AWS_LAMBDA_LOG_STREAM_NAME");
  }

  @Override
  public String getFunctionName() {
    return System.getenv("AWS_LAMBDA_FUNCTION_NAME");
  }

  @Override
  public String getFunctionVersion() {
    return System.getenv("AWS_LAMBDA_FUNCTION_VERSION");
  }

  @Override
  public int getMemoryLimitInMB() {
    return Integer.parseInt(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"));
  }

  @Override
  public LambdaLogger getLogger() {
    return logger;
  }

  @Override
  public CognitoIdentity getIdentity() {
    Map<?, ?> identity = document("identity");
    return new CognitoIdentity() {
      @Override
      public String getIdentityId() {
        return text(identity, "cognitoIdentityId");
      }

      @Override
      public String getIdentityPoolId() {
        return text(identity, "cognitoIdentityPoolId");
      }
    };
  }

  @Override
  public ClientContext getClientContext() {
    Map<?, ?> sent = document("clientContext");
    if (sent == null) return null;
    return new ClientContext() {
      @Override
      public Client getClient() {
        return clientOf(sent.get("client"));
      }

      @Override
      public Map<String, String> getCustom() {
        return texts(sent.get("custom"));
      }

      @Override
      public Map<String, String> getEnvironment() {
        return texts(sent.get("env"));
      }
    };
  }

  private static Client clientOf(Object sent) {
    if (!(sent instanceof Map)) return null;
    Map<?, ?> client = (Map<?, ?>) sent;
    return new Client() {
      @Override
      public String getInstallationId() {
        return text(client, "installation_id");
      }

      @Override
      public String getAppTitle() {
        return text(client, "app_title");
      }

      @Override
      public String getAppVersionName() {
        return text(client, "app_version_name");
      }

      @Override
      public String getAppVersionCode() {
        return text(client, "app_version_code");
      }

      @Override
      public String getAppPackageName() {
        return text(client, "app_package_name");
      }
    };
  }

  /** A member of the header that is a JSON document of its own; null when there is none. */
  private Map<?, ?> document(String member) {
    Object sent = header.get(member);
    Object document = sent == null ? null : JsonReader.read((String) sent);
    return document instanceof Map ? (Map<?, ?>) document : null;
  }

  private static String text(Map<?, ?> of, String member) {
    Object value = of == null ? null : of.get(member);
    return value == null ? null : value.toString();
  }

  private static Map<String, String> texts(Object sent) {
    if (!(sent instanceof Map)) return null;
    Map<String, String> texts = new LinkedHashMap<>();
    ((Map<?, ?>) sent).forEach((key, value) -> texts.put((String) key, value == null ? null : value.toString()));
    return texts;
  }
}
