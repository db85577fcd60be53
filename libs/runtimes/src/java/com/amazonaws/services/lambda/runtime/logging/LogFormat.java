package com.amazonaws.services.lambda.runtime.logging;

public enum LogFormat {
  JSON,
  TEXT;

  public static LogFormat fromString(String name) {
    if (name == null) return TEXT;
    for (LogFormat format : values()) if (format.name().equalsIgnoreCase(name)) return format;
    throw new IllegalArgumentException("Invalid log format: '" + name + "' expected one of [JSON, TEXT]");
  }
}
