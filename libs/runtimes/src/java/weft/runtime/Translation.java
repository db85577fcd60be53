package weft.runtime;

import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.Map;
import java.util.ServiceLoader;
import weft.runtime.json.Binder;
import weft.runtime.json.JsonException;
import weft.runtime.json.JsonReader;
import weft.runtime.json.JsonWriter;

/** Between events and answers in JSON and the objects of a handler. */
interface Translation {
  Object toObject(byte[] event, Type type, Map<TypeVariable<?>, Type> variables);

  byte[] toBytes(Object answer, Type type);

  /** The function's own, if it brings one as a service. */
  static Translation of(ClassLoader classes) {
    Iterator<CustomPojoSerializer> own = ServiceLoader.load(CustomPojoSerializer.class, classes).iterator();
    return own.hasNext() ? new Own(own.next()) : new Plain();
  }

  /** The runtime's. A handler that takes a stream gets the event as it is. */
  final class Plain implements Translation {
    @Override
    public Object toObject(byte[] event, Type type, Map<TypeVariable<?>, Type> variables) {
      if (type == InputStream.class) return new ByteArrayInputStream(event);
      try {
        return Binder.bind(JsonReader.read(new String(event, StandardCharsets.UTF_8)), type, variables);
      } catch (JsonException error) {
        throw new RuntimeException("An error occurred during JSON parsing", error);
      }
    }

    @Override
    public byte[] toBytes(Object answer, Type type) {
      try {
        return JsonWriter.writeBytes(answer);
      } catch (JsonException error) {
        throw new RuntimeException("An error occurred during JSON serialization of response", error);
      }
    }
  }

  /** The one that the function brings. */
  final class Own implements Translation {
    private final CustomPojoSerializer serializer;

    Own(CustomPojoSerializer serializer) {
      this.serializer = serializer;
    }

    @Override
    public Object toObject(byte[] event, Type type, Map<TypeVariable<?>, Type> variables) {
      return serializer.fromJson(new ByteArrayInputStream(event), type);
    }

    @Override
    public byte[] toBytes(Object answer, Type type) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      serializer.toJson(answer, bytes, type);
      return bytes.toByteArray();
    }
  }
}
