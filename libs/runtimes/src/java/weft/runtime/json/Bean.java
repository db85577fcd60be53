package weft.runtime.json;

import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;

/**
 * The properties of a class: getters and setters by the rules of Java beans, public fields, components of records.
 * Names in JSON are matched exactly first, then without regard to case, so that `Records` finds `setRecords`.
 */
final class Bean {
  private static final Map<Class<?>, Bean> known = new ConcurrentHashMap<>();

  private final Class<?> of;
  private final Map<String, Reader> readers = new LinkedHashMap<>();
  private final Map<String, Writer> writers = new LinkedHashMap<>();
  private final Map<String, Writer> writersInLowerCase = new LinkedHashMap<>();

  interface Reader {
    Object read(Object bean) throws ReflectiveOperationException;
  }

  interface Store {
    void store(Object bean, Object value) throws ReflectiveOperationException;
  }

  static final class Writer {
    final Type type;
    private final Store store;

    Writer(Type type, Store store) {
      this.type = type;
      this.store = store;
    }

    void write(Object bean, Object value) {
      try {
        store.store(bean, value);
      } catch (ReflectiveOperationException error) {
        throw failed(error);
      }
    }
  }

  static Bean of(Class<?> type) {
    return known.computeIfAbsent(type, Bean::new);
  }

  /** Null when objects are made empty and then filled. */
  final Whole whole;

  private Bean(Class<?> of) {
    this.of = of;
    this.whole = of.isInterface() || of.isArray() ? null : wholeOf(of);
    if (of.isRecord()) {
      for (RecordComponent part : of.getRecordComponents()) {
        Method accessor = accessible(part.getAccessor());
        readers.put(part.getName(), bean -> accessor.invoke(bean));
      }
      return;
    }
    for (Field field : of.getFields()) {
      if (Modifier.isStatic(field.getModifiers())) continue;
      accessible(field);
      readers.put(field.getName(), field::get);
      if (!Modifier.isFinal(field.getModifiers())) writer(field.getName(), field.getGenericType(), field::set);
    }
    Method[] methods = of.getMethods();
    // The order of getMethods() is nobody's promise; answers are to look the same every time.
    Arrays.sort(methods, (a, b) -> a.getName().compareTo(b.getName()));
    for (Method method : methods) {
      if (Modifier.isStatic(method.getModifiers()) || method.isBridge() || method.getDeclaringClass() == Object.class) continue;
      String name = method.getName();
      Class<?> type = method.getReturnType();
      int parameters = method.getParameterCount();
      if (parameters == 0 && named(name, "get") && type != void.class) reader(name.substring(3), method);
      else if (parameters == 0 && named(name, "is") && type == boolean.class) reader(name.substring(2), method);
      else if (parameters == 1 && named(name, "set")) {
        Method setter = accessible(method);
        writer(decapitalised(name.substring(3)), setter.getGenericParameterTypes()[0], (bean, value) -> setter.invoke(bean, value));
      }
    }
  }

  private void reader(String name, Method method) {
    Method getter = accessible(method);
    readers.put(decapitalised(name), bean -> getter.invoke(bean));
  }

  private void writer(String name, Type type, Store store) {
    Writer writer = new Writer(type, store);
    writers.put(name, writer);
    writersInLowerCase.put(name.toLowerCase(Locale.ROOT), writer);
  }

  void readAll(Object bean, BiConsumer<String, Object> to) {
    readers.forEach(
        (name, reader) -> {
          try {
            to.accept(name, reader.read(bean));
          } catch (ReflectiveOperationException error) {
            throw failed(error);
          }
        });
  }

  Writer writerFor(String name) {
    Writer exact = writers.get(name);
    return exact != null ? exact : writersInLowerCase.get(name.toLowerCase(Locale.ROOT));
  }

  Object create() {
    try {
      return accessible(of.getDeclaredConstructor()).newInstance();
    } catch (NoSuchMethodException missing) {
      throw new JsonException("class " + of.getName() + " has neither a constructor without parameters nor one with a parameter for each field", missing);
    } catch (ReflectiveOperationException error) {
      throw failed(error);
    }
  }

  /** One parameter of a constructor that takes everything at once. */
  static final class Part {
    final String name;
    final Type type;

    Part(String name, Type type) {
      this.name = name;
      this.type = type;
    }
  }

  /** A constructor that takes everything at once. */
  static final class Whole {
    final List<Part> parts = new ArrayList<>();
    private final Constructor<?> constructor;

    private Whole(Constructor<?> constructor) {
      this.constructor = accessible(constructor);
    }

    Object create(Object[] values) {
      try {
        return constructor.newInstance(values);
      } catch (ReflectiveOperationException error) {
        throw failed(error);
      }
    }
  }

  /**
   * How an object of this class is made in one go: a record; or a class that has no constructor without parameters but one
   * with as many as it has fields, which then are taken to be meant in their order. Null for any other.
   */
  private static Whole wholeOf(Class<?> type) {
    List<String> names = new ArrayList<>();
    for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
      List<String> own = new ArrayList<>();
      for (Field field : at.getDeclaredFields())
        if (!Modifier.isStatic(field.getModifiers()) && !field.isSynthetic()) own.add(field.getName());
      names.addAll(0, own);
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      if (constructor.getParameterCount() == 0 && !type.isRecord()) return null;
    }
    for (Constructor<?> constructor : type.getDeclaredConstructors()) {
      Type[] types = constructor.getGenericParameterTypes();
      if (types.length != names.size() || constructor.isSynthetic() || (type.isRecord() && !isCanonical(type, constructor))) continue;
      Whole whole = new Whole(constructor);
      for (int i = 0; i < types.length; i += 1) whole.parts.add(new Part(names.get(i), types[i]));
      return whole;
    }
    return null;
  }

  private static boolean isCanonical(Class<?> type, Constructor<?> constructor) {
    return Arrays.equals(constructor.getParameterTypes(), Arrays.stream(type.getRecordComponents()).map(RecordComponent::getType).toArray());
  }

  private static JsonException failed(ReflectiveOperationException error) {
    Throwable cause = error instanceof InvocationTargetException ? error.getCause() : error;
    return new JsonException(String.valueOf(cause), cause);
  }

  /** Public methods of classes that are not public are callable by name only after this; those of the JDK's own are not ours to open. */
  private static <T extends AccessibleObject> T accessible(T member) {
    member.trySetAccessible();
    return member;
  }

  private static boolean named(String name, String prefix) {
    return name.length() > prefix.length() && name.startsWith(prefix);
  }

  /** As Jackson does it: every leading capital, so that getURLPath is `urlpath`. */
  private static String decapitalised(String name) {
    int capitals = 0;
    while (capitals < name.length() && Character.isUpperCase(name.charAt(capitals))) capitals += 1;
    return name.substring(0, capitals).toLowerCase(Locale.ROOT) + name.substring(capitals);
  }
}
