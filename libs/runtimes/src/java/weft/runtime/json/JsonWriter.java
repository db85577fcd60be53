package weft.runtime.json;

import java.lang.reflect.Array;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URL;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalAmount;
import java.util.Base64;
import java.util.Calendar;
import java.util.Date;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Writes objects as JSON: what {@link JsonReader} gives back, and beans, records, dates, enums, arrays and collections. */
public final class JsonWriter {
  private final StringBuilder out = new StringBuilder();
  private int depth;

  private JsonWriter() {}

  public static String write(Object value) {
    JsonWriter writer = new JsonWriter();
    writer.value(value);
    return writer.out.toString();
  }

  private void value(Object value) {
    if (value == null) out.append("null");
    else if (value instanceof CharSequence || value instanceof Character) string(value.toString());
    else if (value instanceof Boolean) out.append(value);
    else if (value instanceof Number) number((Number) value);
    else if (value instanceof Enum) string(((Enum<?>) value).name());
    else if (value instanceof Optional) value(((Optional<?>) value).orElse(null));
    else if (value instanceof Date) out.append(((Date) value).getTime());
    else if (value instanceof Calendar) out.append(((Calendar) value).getTimeInMillis());
    else if (value instanceof byte[]) string(Base64.getEncoder().encodeToString((byte[]) value));
    else if (value instanceof ByteBuffer) string(base64((ByteBuffer) value));
    else if (isText(value)) string(value instanceof Class ? ((Class<?>) value).getName() : value.toString());
    else nested(value);
  }

  private static String base64(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static boolean isText(Object value) {
    return value instanceof TemporalAccessor
        || value instanceof TemporalAmount
        || value instanceof UUID
        || value instanceof URI
        || value instanceof URL
        || value instanceof Type;
  }

  private void nested(Object value) {
    depth += 1;
    if (depth > JsonReader.DEEPEST) throw new JsonException("the answer holds itself, or is nested too deep");
    if (value instanceof Map) {
      Members members = new Members();
      ((Map<?, ?>) value).forEach((key, one) -> members.add(key instanceof Enum ? ((Enum<?>) key).name() : String.valueOf(key), one));
      members.end();
    } else if (value instanceof Iterable) array(((Iterable<?>) value).iterator());
    else if (value instanceof Iterator) array((Iterator<?>) value);
    else if (value.getClass().isArray()) {
      out.append('[');
      for (int i = 0; i < Array.getLength(value); i += 1) {
        if (i > 0) out.append(',');
        value(Array.get(value, i));
      }
      out.append(']');
    } else {
      Members members = new Members();
      Bean.of(value.getClass()).readAll(value, members::add);
      members.end();
    }
    depth -= 1;
  }

  private final class Members {
    private char before = '{';

    void add(String name, Object one) {
      out.append(before);
      before = ',';
      string(name);
      out.append(':');
      value(one);
    }

    void end() {
      if (before == '{') out.append('{');
      out.append('}');
    }
  }

  private void array(Iterator<?> elements) {
    out.append('[');
    for (boolean first = true; elements.hasNext(); first = false) {
      if (!first) out.append(',');
      value(elements.next());
    }
    out.append(']');
  }

  private void number(Number number) {
    boolean finite = !(number instanceof Double || number instanceof Float) || Double.isFinite(number.doubleValue());
    if (!finite) string(number.toString());
    else out.append(number instanceof BigDecimal ? ((BigDecimal) number).toPlainString() : number.toString());
  }

  private void string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i += 1) {
      char c = text.charAt(i);
      switch (c) {
        case '"':
        case '\\':
          out.append('\\').append(c);
          break;
        case '\n':
          out.append("\\n");
          break;
        case '\r':
          out.append("\\r");
          break;
        case '\t':
          out.append("\\t");
          break;
        default:
          // Half a surrogate pair has no UTF-8.
          if (c < ' ' || (Character.isSurrogate(c) && !isPaired(text, i))) out.append(String.format("\\u%04x", (int) c));
          else out.append(c);
      }
    }
    out.append('"');
  }

  private static boolean isPaired(String text, int at) {
    return Character.isHighSurrogate(text.charAt(at))
        ? at + 1 < text.length() && Character.isLowSurrogate(text.charAt(at + 1))
        : at > 0 && Character.isHighSurrogate(text.charAt(at - 1));
  }

  /** The same in UTF-8. */
  public static byte[] writeBytes(Object value) {
    return write(value).getBytes(StandardCharsets.UTF_8);
  }
}
