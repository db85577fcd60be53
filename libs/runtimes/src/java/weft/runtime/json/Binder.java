package weft.runtime.json;

import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** Makes objects of a type, generic ones too, of what {@link JsonReader} read. Members that the type lacks are ignored. */
public final class Binder {
  private final Map<TypeVariable<?>, Type> variables;

  private Binder(Map<TypeVariable<?>, Type> variables) {
    this.variables = variables;
  }

  /** `variables`: what the type variables that occur in `type` stand for. */
  public static Object bind(Object json, Type type, Map<TypeVariable<?>, Type> variables) {
    return new Binder(variables).to(json, type);
  }

  private Object to(Object json, Type type) {
    if (type instanceof Class) return to(json, (Class<?>) type, new Type[0]);
    if (type instanceof ParameterizedType) {
      ParameterizedType generic = (ParameterizedType) type;
      return to(json, (Class<?>) generic.getRawType(), generic.getActualTypeArguments());
    }
    if (type instanceof WildcardType) return to(json, ((WildcardType) type).getUpperBounds()[0]);
    if (type instanceof GenericArrayType) return array(json, ((GenericArrayType) type).getGenericComponentType());
    if (type instanceof TypeVariable) {
      Type known = variables.get(type);
      return to(json, known != null ? known : ((TypeVariable<?>) type).getBounds()[0]);
    }
    throw new JsonException("values of type " + type + " cannot be made");
  }

  private Object to(Object json, Class<?> type, Type[] arguments) {
    if (type == Optional.class) return Optional.ofNullable(json == null ? null : to(json, arguments.length == 1 ? arguments[0] : Object.class));
    if (json == null) {
      if (type.isPrimitive()) return Array.get(Array.newInstance(type, 1), 0);
      return null;
    }
    if (type == Object.class || type == json.getClass()) return json;
    if (type == String.class || type == CharSequence.class) return text(json, type);
    if (type == byte[].class && json instanceof String) return Base64.getDecoder().decode((String) json);
    if (type == ByteBuffer.class && json instanceof String) return ByteBuffer.wrap(Base64.getDecoder().decode((String) json));
    if (type.isArray()) return array(json, type.getComponentType());
    if (type.isEnum()) return constant(json, type);
    if (type == boolean.class || type == Boolean.class) return truth(json);
    if (type == char.class || type == Character.class) return character(json);
    if (type.isPrimitive() || Number.class.isAssignableFrom(type)) return number(json, type);
    if (type == Date.class && json instanceof Number) return new Date(((Number) json).longValue());
    if (type == Instant.class && json instanceof Number) return Instant.ofEpochMilli(Math.round(((Number) json).doubleValue() * 1_000));
    if (type == Date.class && json instanceof String) return Date.from(((OffsetDateTime) parsed((String) json, OffsetDateTime.class)).toInstant());
    if (Map.class.isAssignableFrom(type)) return map(json, type, arguments);
    if (Collection.class.isAssignableFrom(type) || type == Iterable.class) return collection(json, type, arguments);
    if (json instanceof String) return parsed((String) json, type);
    if (!(json instanceof Map)) throw misfit(json, type);
    return bean((Map<?, ?>) json, type, arguments);
  }

  private Object bean(Map<?, ?> json, Class<?> type, Type[] arguments) {
    Binder inside = inside(type, arguments);
    Bean properties = Bean.of(type);
    if (properties.whole != null) {
      List<Bean.Part> parts = properties.whole.parts;
      Object[] values = new Object[parts.size()];
      for (int i = 0; i < values.length; i += 1) values[i] = inside.to(member(json, parts.get(i).name), parts.get(i).type);
      return properties.whole.create(values);
    }
    Object bean = properties.create();
    for (Map.Entry<?, ?> member : json.entrySet()) {
      Bean.Writer writer = properties.writerFor((String) member.getKey());
      if (writer != null) writer.write(bean, inside.to(member.getValue(), writer.type));
    }
    return bean;
  }

  /** By its exact name, or else by one that differs in case only. */
  private static Object member(Map<?, ?> json, String name) {
    if (json.containsKey(name)) return json.get(name);
    for (Map.Entry<?, ?> one : json.entrySet()) if (name.equalsIgnoreCase((String) one.getKey())) return one.getValue();
    return null;
  }

  /** A binder that also knows what the class's own type variables, and those of its superclasses, stand for. */
  private Binder inside(Class<?> type, Type[] arguments) {
    Map<TypeVariable<?>, Type> known = new HashMap<>(variables);
    TypeVariable<?>[] names = type.getTypeParameters();
    for (int i = 0; i < names.length && i < arguments.length; i += 1) {
      Type argument = arguments[i];
      known.put(names[i], argument instanceof TypeVariable ? variables.getOrDefault(argument, Object.class) : argument);
    }
    for (Class<?> at = type; at != null && at.getGenericSuperclass() instanceof ParameterizedType; at = at.getSuperclass()) {
      ParameterizedType above = (ParameterizedType) at.getGenericSuperclass();
      TypeVariable<?>[] own = at.getSuperclass().getTypeParameters();
      for (int i = 0; i < own.length; i += 1) {
        Type argument = above.getActualTypeArguments()[i];
        known.put(own[i], argument instanceof TypeVariable ? known.getOrDefault(argument, Object.class) : argument);
      }
    }
    return new Binder(known);
  }

  @SuppressWarnings("unchecked")
  private Object map(Object json, Class<?> type, Type[] arguments) {
    if (!(json instanceof Map)) throw misfit(json, type);
    Map<Object, Object> map;
    if (type.isInterface()) map = SortedMap.class.isAssignableFrom(type) ? new TreeMap<>() : new LinkedHashMap<>();
    else map = (Map<Object, Object>) Bean.of(type).create();
    Type keys = arguments.length == 2 ? arguments[0] : String.class;
    Type values = arguments.length == 2 ? arguments[1] : Object.class;
    ((Map<String, Object>) json).forEach((key, value) -> map.put(to(key, keys), to(value, values)));
    return map;
  }

  @SuppressWarnings("unchecked")
  private Object collection(Object json, Class<?> type, Type[] arguments) {
    if (!(json instanceof List)) throw misfit(json, type);
    Collection<Object> elements;
    if (!type.isInterface()) elements = (Collection<Object>) Bean.of(type).create();
    else if (SortedSet.class.isAssignableFrom(type)) elements = new TreeSet<>();
    else if (Set.class.isAssignableFrom(type)) elements = new LinkedHashSet<>();
    else if (Deque.class.isAssignableFrom(type) || type == Queue.class) elements = new ArrayDeque<>();
    else elements = new ArrayList<>();
    Type of = arguments.length == 1 ? arguments[0] : Object.class;
    for (Object element : (List<?>) json) elements.add(to(element, of));
    return elements;
  }

  private Object array(Object json, Type component) {
    if (!(json instanceof List)) throw new JsonException("an array was expected, but the JSON has " + kindOf(json));
    List<?> elements = (List<?>) json;
    Object array = Array.newInstance(rawOf(component), elements.size());
    for (int i = 0; i < elements.size(); i += 1) Array.set(array, i, to(elements.get(i), component));
    return array;
  }

  private Class<?> rawOf(Type type) {
    if (type instanceof Class) return (Class<?>) type;
    if (type instanceof ParameterizedType) return (Class<?>) ((ParameterizedType) type).getRawType();
    if (type instanceof TypeVariable) return rawOf(variables.getOrDefault(type, Object.class));
    return Object.class;
  }

  private static Object text(Object json, Class<?> type) {
    if (json instanceof String || json instanceof Number || json instanceof Boolean) return json.toString();
    throw misfit(json, type);
  }

  private static Object constant(Object json, Class<?> type) {
    for (Object constant : type.getEnumConstants()) if (((Enum<?>) constant).name().equals(json)) return constant;
    throw new JsonException(json + " is none of the values of " + type.getName());
  }

  private static Object truth(Object json) {
    if (json instanceof Boolean) return json;
    if ("true".equals(json) || "false".equals(json)) return Boolean.valueOf((String) json);
    throw misfit(json, boolean.class);
  }

  /** By the class's own way from text, as Jackson takes it: `parse`, `valueOf`, `fromString`, or a constructor. */
  private static Object parsed(String text, Class<?> type) {
    try {
      for (String name : List.of("parse", "valueOf", "fromString")) {
        for (Method method : type.getMethods()) {
          boolean makes = Modifier.isStatic(method.getModifiers()) && type.isAssignableFrom(method.getReturnType());
          if (makes && method.getName().equals(name) && takesText(method)) return method.invoke(null, text);
        }
      }
      for (Constructor<?> constructor : type.getConstructors()) if (takesText(constructor)) return constructor.newInstance(text);
    } catch (ReflectiveOperationException error) {
      throw new JsonException("'" + text + "' is no " + type.getName(), error.getCause() == null ? error : error.getCause());
    }
    throw misfit(text, type);
  }

  private static boolean takesText(Executable made) {
    return made.getParameterCount() == 1 && (made.getParameterTypes()[0] == String.class || made.getParameterTypes()[0] == CharSequence.class);
  }

  private static Object character(Object json) {
    if (json instanceof String && ((String) json).length() == 1) return ((String) json).charAt(0);
    throw misfit(json, char.class);
  }

  private static Object number(Object json, Class<?> type) {
    BigDecimal value;
    try {
      if (!(json instanceof Number || json instanceof String)) throw misfit(json, type);
      value = new BigDecimal(json.toString());
      if (type == Number.class) return json instanceof Number ? json : value;
      if (type == BigDecimal.class) return value;
      if (type == BigInteger.class) return value.toBigInteger();
      if (type == double.class || type == Double.class) return value.doubleValue();
      if (type == float.class || type == Float.class) return value.floatValue();
      // A fraction is cut off, as Jackson does; what is too large is refused.
      BigInteger whole = value.toBigInteger();
      if (type == long.class || type == Long.class) return whole.longValueExact();
      if (type == int.class || type == Integer.class) return whole.intValueExact();
      if (type == short.class || type == Short.class) return whole.shortValueExact();
      if (type == byte.class || type == Byte.class) return whole.byteValueExact();
    } catch (ArithmeticException | NumberFormatException error) {
      throw new JsonException(json + " is no " + type.getSimpleName(), error);
    }
    throw misfit(json, type);
  }

  private static JsonException misfit(Object json, Class<?> type) {
    return new JsonException("a value of type " + type.getName() + " was expected, but the JSON has " + kindOf(json));
  }

  private static String kindOf(Object json) {
    if (json == null) return "null";
    if (json instanceof Map) return "an object";
    if (json instanceof List) return "an array";
    if (json instanceof String) return "a string";
    return json instanceof Boolean ? "a boolean" : "a number";
  }
}
