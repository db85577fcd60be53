package weft.runtime.json;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON into LinkedHashMap, ArrayList, String, Boolean, null, and the smallest of Integer, Long, BigInteger that holds
 * a whole number; Double for any other.
 */
public final class JsonReader {
  /** Deeper nesting is refused, so that no document can overflow the stack. */
  static final int DEEPEST = 1_000;

  private final String text;
  private int at;
  private int depth;

  private JsonReader(String text) {
    this.text = text;
  }

  public static Object read(String text) {
    JsonReader reader = new JsonReader(text);
    Object value = reader.value();
    reader.skipSpace();
    if (reader.at < text.length()) throw reader.unexpected();
    return value;
  }

  private Object value() {
    skipSpace();
    if (at >= text.length()) throw unexpected();
    char next = text.charAt(at);
    switch (next) {
      case '{':
        return object();
      case '[':
        return array();
      case '"':
        return string();
      case 't':
        return word("true", Boolean.TRUE);
      case 'f':
        return word("false", Boolean.FALSE);
      case 'n':
        return word("null", null);
      default:
        if (next == '-' || isDigit(next)) return number();
        throw unexpected();
    }
  }

  private Map<String, Object> object() {
    Map<String, Object> members = new LinkedHashMap<>();
    enter();
    if (!ends('}')) {
      do {
        skipSpace();
        if (at >= text.length() || text.charAt(at) != '"') throw unexpected();
        String name = string();
        skipSpace();
        expect(':');
        members.put(name, value());
      } while (continues('}'));
    }
    depth -= 1;
    return members;
  }

  private List<Object> array() {
    List<Object> elements = new ArrayList<>();
    enter();
    if (!ends(']')) {
      do elements.add(value());
      while (continues(']'));
    }
    depth -= 1;
    return elements;
  }

  private void enter() {
    at += 1;
    depth += 1;
    if (depth > DEEPEST) throw new JsonException("JSON is nested more than " + DEEPEST + " deep");
  }

  private boolean ends(char close) {
    skipSpace();
    if (at >= text.length() || text.charAt(at) != close) return false;
    at += 1;
    return true;
  }

  private boolean continues(char close) {
    if (ends(close)) return false;
    expect(',');
    return true;
  }

  private String string() {
    at += 1;
    int from = at;
    while (at < text.length() && text.charAt(at) != '"' && text.charAt(at) != '\\' && text.charAt(at) >= ' ') at += 1;
    if (at < text.length() && text.charAt(at) == '"') return text.substring(from, at++);
    StringBuilder value = new StringBuilder().append(text, from, at);
    while (at < text.length()) {
      char next = text.charAt(at++);
      if (next == '"') return value.toString();
      if (next < ' ') throw unexpectedBefore();
      value.append(next == '\\' ? escaped() : next);
    }
    throw unexpected();
  }

  private char escaped() {
    if (at >= text.length()) throw unexpected();
    char kind = text.charAt(at++);
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        return kind;
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'u':
        if (at + 4 > text.length()) throw unexpected();
        int code = 0;
        for (int end = at + 4; at < end; at += 1) {
          int digit = Character.digit(text.charAt(at), 16);
          if (digit < 0) throw unexpected();
          code = code * 16 + digit;
        }
        return (char) code;
      default:
        throw unexpectedBefore();
    }
  }

  private Number number() {
    int from = at;
    boolean whole = true;
    if (text.charAt(at) == '-') at += 1;
    int firstDigit = at;
    digits();
    if (at - firstDigit > 1 && text.charAt(firstDigit) == '0') throw unexpectedBefore();
    if (at < text.length() && text.charAt(at) == '.') {
      whole = false;
      at += 1;
      digits();
    }
    if (at < text.length() && (text.charAt(at) == 'e' || text.charAt(at) == 'E')) {
      whole = false;
      at += 1;
      if (at < text.length() && (text.charAt(at) == '+' || text.charAt(at) == '-')) at += 1;
      digits();
    }
    String digits = text.substring(from, at);
    if (!whole) return Double.valueOf(digits);
    if (digits.length() > 18) {
      BigInteger big = new BigInteger(digits);
      return big.bitLength() < Long.SIZE ? (Number) big.longValue() : big;
    }
    long value = Long.parseLong(digits);
    return value == (int) value ? (Number) (int) value : (Number) value;
  }

  private void digits() {
    int from = at;
    while (at < text.length() && isDigit(text.charAt(at))) at += 1;
    if (at == from) throw unexpected();
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) throw unexpected();
    at += word.length();
    return value;
  }

  private void expect(char wanted) {
    if (at >= text.length() || text.charAt(at) != wanted) throw unexpected();
    at += 1;
  }

  private void skipSpace() {
    while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) at += 1;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private JsonException unexpectedBefore() {
    at -= 1;
    return unexpected();
  }

  private JsonException unexpected() {
    return new JsonException(
        at >= text.length() ? "JSON ends too early" : "unexpected character '" + text.charAt(at) + "' at " + at + " of the JSON");
  }
}
