package com.amazonaws.services.lambda.runtime;

import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Type;

/** A package that names an implementation in META-INF/services turns events and answers into objects by itself. */
public interface CustomPojoSerializer {
  <T> T fromJson(InputStream input, Type type);

  <T> T fromJson(String input, Type type);

  <T> void toJson(T value, OutputStream output, Type type);
}
