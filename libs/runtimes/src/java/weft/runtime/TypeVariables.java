package weft.runtime;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.HashMap;
import java.util.Map;

/** What the type variables of everything that a class extends and implements stand for in that class. */
final class TypeVariables {
  private TypeVariables() {}

  static Map<TypeVariable<?>, Type> of(Class<?> type) {
    Map<TypeVariable<?>, Type> found = new HashMap<>();
    collect(type, found);
    return found;
  }

  private static void collect(Type type, Map<TypeVariable<?>, Type> into) {
    if (type == null) return;
    Class<?> raw = (Class<?>) (type instanceof ParameterizedType ? ((ParameterizedType) type).getRawType() : type);
    if (type instanceof ParameterizedType) {
      TypeVariable<?>[] names = raw.getTypeParameters();
      Type[] arguments = ((ParameterizedType) type).getActualTypeArguments();
      for (int i = 0; i < names.length; i += 1) {
        Type argument = arguments[i] instanceof TypeVariable ? into.getOrDefault(arguments[i], Object.class) : arguments[i];
        into.put(names[i], argument);
      }
    }
    collect(raw.getGenericSuperclass(), into);
    for (Type above : raw.getGenericInterfaces()) collect(above, into);
  }
}
