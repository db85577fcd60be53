package weft.runtime;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Failures of functions as Lambda's Java runtime tells them. */
final class Faults {
  private Faults() {}

  /** `{errorMessage, errorType, stackTrace, cause?}`; the runtime's own frames are not the function's and are left out. */
  static Map<String, Object> document(Throwable fault) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("errorMessage", fault.getLocalizedMessage());
    document.put("errorType", fault.getClass().getName());
    List<String> frames = new ArrayList<>();
    for (StackTraceElement frame : fault.getStackTrace()) frames.add(frame.toString());
    document.put("stackTrace", frames);
    if (fault.getCause() != null) document.put("cause", document(fault.getCause()));
    return document;
  }

  /** Takes the runtime's frames from the trace of a fault and of its causes. */
  static <T extends Throwable> T withoutRuntime(T fault) {
    int depth = 0;
    for (Throwable one = fault; one != null && depth < 32; one = one.getCause(), depth += 1) {
      StackTraceElement[] frames = one.getStackTrace();
      int end = 0;
      while (end < frames.length && !frames[end].getClassName().startsWith("weft.runtime.")) end += 1;
      while (end > 0 && isReflection(frames[end - 1].getClassName())) end -= 1;
      if (end > 0 && end < frames.length) one.setStackTrace(Arrays.copyOf(frames, end));
    }
    return fault;
  }

  private static boolean isReflection(String className) {
    return className.startsWith("java.lang.reflect.") || className.startsWith("jdk.internal.reflect.") || className.startsWith("java.lang.invoke.");
  }

  static String logText(Throwable fault) {
    StringWriter trace = new StringWriter();
    fault.printStackTrace(new PrintWriter(trace));
    return fault.getLocalizedMessage() + ": " + fault.getClass().getName() + "\n" + trace.toString().stripTrailing();
  }
}
