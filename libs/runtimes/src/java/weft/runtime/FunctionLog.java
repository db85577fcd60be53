package weft.runtime;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import weft.runtime.json.JsonWriter;

/** The function's log: what the context's logger is given, and each line of standard output and error. */
final class FunctionLog implements LambdaLogger {
  private final Link link;
  private final LogFormat format;
  private final LogLevel least;
  private final Lines standardOutput = new Lines();
  private final Lines standardError = new Lines();
  private volatile String requestId;

  FunctionLog(Link link, Map<String, String> environment) {
    this.link = link;
    this.format = LogFormat.fromString(environment.get("AWS_LAMBDA_LOG_FORMAT"));
    String level = environment.get("AWS_LAMBDA_LOG_LEVEL");
    this.least = level == null || format == LogFormat.TEXT ? LogLevel.UNDEFINED : LogLevel.fromString(level);
  }

  void captureStandardStreams() {
    System.setOut(new PrintStream(standardOutput, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(standardError, true, StandardCharsets.UTF_8));
  }

  void begin(String ofRequest) {
    requestId = ofRequest;
  }

  /** What has no end of line yet belongs to this invocation too. */
  void end() {
    System.out.flush();
    System.err.flush();
    standardOutput.finish();
    standardError.finish();
    requestId = null;
  }

  @Override
  public void log(String message) {
    log(message, LogLevel.UNDEFINED);
  }

  @Override
  public void log(byte[] message) {
    link.log(new String(message, StandardCharsets.UTF_8));
  }

  @Override
  public void log(String message, LogLevel level) {
    if (format == LogFormat.TEXT) {
      link.log(level == LogLevel.UNDEFINED ? String.valueOf(message) : "[" + level + "] " + message);
      return;
    }
    // An entry without a level is written whatever the least level is.
    if (level != LogLevel.UNDEFINED && level.compareTo(least) < 0) return;
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
    entry.put("message", message);
    if (level != LogLevel.UNDEFINED) entry.put("level", level);
    if (requestId != null) entry.put("AWSRequestId", requestId);
    link.log(JsonWriter.write(entry));
  }

  @Override
  public void log(byte[] message, LogLevel level) {
    log(new String(message, StandardCharsets.UTF_8), level);
  }

  /** Makes one entry of each line. */
  private final class Lines extends OutputStream {
    private final ByteArrayOutputStream held = new ByteArrayOutputStream();

    @Override
    public synchronized void write(int one) {
      if (one == '\n') give();
      else held.write(one);
    }

    @Override
    public synchronized void write(byte[] bytes, int from, int length) {
      int start = from;
      for (int at = from; at < from + length; at += 1) {
        if (bytes[at] != '\n') continue;
        held.write(bytes, start, at - start);
        give();
        start = at + 1;
      }
      held.write(bytes, start, from + length - start);
    }

    synchronized void finish() {
      if (held.size() > 0) give();
    }

    private void give() {
      link.log(held.toString(StandardCharsets.UTF_8));
      held.reset();
    }
  }
}
