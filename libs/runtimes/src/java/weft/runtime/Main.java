package weft.runtime;

import com.amazonaws.services.lambda.runtime.LambdaRuntimeInternal;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import weft.runtime.json.JsonReader;
import weft.runtime.json.JsonWriter;

/**
 * The Java runtime: loads a function's handler and runs one invocation at a time. It is started for one function, by a
 * launcher that waits for it, so that memory, environment and working folder are the function's from the first.
 */
public final class Main {
  /** Where an answer is refused, bytes. */
  private static final int LONGEST_ANSWER = 6_291_556;

  private final Link link = new Link();
  private final FunctionLog log = new FunctionLog(link, System.getenv());

  private Main() {}

  /** `arguments`: where layers are seen. */
  public static void main(String[] arguments) throws IOException {
    new Main().serve(arguments[0]);
    System.exit(0);
  }

  private void serve(String layersRoot) throws IOException {
    System.setIn(InputStream.nullInputStream());
    log.captureStandardStreams();
    LambdaRuntimeInternal.setLogger(log);
    Handler handler;
    try {
      ClassLoader classes = FunctionClasses.of(System.getenv("LAMBDA_TASK_ROOT"), layersRoot);
      Thread.currentThread().setContextClassLoader(classes);
      handler = new HandlerLoader(classes).load(System.getenv("_HANDLER"));
      if (SnapStart.wanted()) SnapStart.CONTEXT.beforeCheckpoint(SnapStart.CONTEXT);
    } catch (Throwable fault) {
      Faults.withoutRuntime(fault);
      log.log(Faults.logText(fault));
      log.end();
      link.send(Link.INIT_ERROR, JsonWriter.writeBytes(Faults.document(fault)));
      return;
    }
    log.end();
    link.send(Link.READY);
    for (Link.Frame frame = link.read(); frame != null; frame = link.read()) {
      if (frame.type == Link.INVOKE && !invoke(handler, frame.body)) return;
      if (frame.type == Link.RESTORE) restore();
    }
  }

  private void restore() {
    try {
      SnapStart.CONTEXT.afterRestore(SnapStart.CONTEXT);
    } catch (Throwable fault) {
      Faults.withoutRuntime(fault);
      log.log(Faults.logText(fault));
      log.end();
      link.send(Link.RESTORE_ERROR, JsonWriter.writeBytes(Faults.document(fault)));
      return;
    }
    log.end();
    link.send(Link.RESTORED);
  }

  /** Whether the environment can go on. */
  private boolean invoke(Handler handler, ByteBuffer body) {
    byte[] head = new byte[body.getInt()];
    body.get(head);
    byte[] event = new byte[body.remaining()];
    body.get(event);
    Map<?, ?> header = (Map<?, ?>) JsonReader.read(new String(head, StandardCharsets.UTF_8));
    String requestId = (String) header.get("requestId");
    tellTrace((String) header.get("traceId"));
    log.begin(requestId);
    int type = Link.RESPONSE;
    byte[] answer;
    try {
      answer = handler.run(event, new InvocationContext(header, log));
      if (answer.length > LONGEST_ANSWER) {
        type = Link.ERROR;
        answer =
            JsonWriter.writeBytes(
                Map.of(
                    "errorType", "Function.ResponseSizeTooLarge",
                    "errorMessage", "Response payload size exceeded maximum allowed payload size (" + LONGEST_ANSWER + " bytes)."));
      }
    } catch (Throwable fault) {
      // A machine that ran out of memory or stack is in no state to serve on.
      type = fault instanceof VirtualMachineError ? Link.FATAL : Link.ERROR;
      Faults.withoutRuntime(fault);
      log.log(Faults.logText(fault));
      answer = JsonWriter.writeBytes(Faults.document(fault));
    }
    log.end();
    link.send(type, requestId.getBytes(StandardCharsets.US_ASCII), answer);
    return type != Link.FATAL;
  }

  /** A process cannot change its own environment in Java; the tracing SDK reads this property instead. */
  private static void tellTrace(String traceId) {
    if (traceId == null) System.clearProperty("com.amazonaws.xray.traceHeader");
    else System.setProperty("com.amazonaws.xray.traceHeader", traceId);
  }
}
