package weft.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;

/** Finds what a function's setting `Handler` names: `package.Class`, or `package.Class::method`. */
final class HandlerLoader {
  private final ClassLoader classes;
  private final Translation translation;

  HandlerLoader(ClassLoader classes) {
    this.classes = classes;
    this.translation = Translation.of(classes);
  }

  Handler load(String name) throws Throwable {
    int split = name.indexOf("::");
    Class<?> type = classNamed(split < 0 ? name : name.substring(0, split));
    if (split >= 0) return ofMethod(type, name.substring(split + 2));
    if (RequestHandler.class.isAssignableFrom(type)) return ofRequestHandler(type);
    if (RequestStreamHandler.class.isAssignableFrom(type)) {
      RequestStreamHandler handler = (RequestStreamHandler) instance(type);
      return (event, context) -> {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        handler.handleRequest(new ByteArrayInputStream(event), answer, context);
        return answer.toByteArray();
      };
    }
    throw new ClassCastException("Class " + name + " does not implement an appropriate handler interface");
  }

  private Class<?> classNamed(String name) throws ClassNotFoundException {
    try {
      return Class.forName(name, true, classes);
    } catch (ClassNotFoundException missing) {
      throw new ClassNotFoundException("Class not found: " + name);
    }
  }

  @SuppressWarnings("unchecked")
  private Handler ofRequestHandler(Class<?> type) throws Throwable {
    Map<TypeVariable<?>, Type> variables = TypeVariables.of(type);
    TypeVariable<?>[] own = RequestHandler.class.getTypeParameters();
    Type input = variables.getOrDefault(own[0], Object.class);
    Type output = variables.getOrDefault(own[1], Object.class);
    RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) instance(type);
    return (event, context) ->
        translation.toBytes(handler.handleRequest(translation.toObject(event, input, variables), context), output);
  }

  private Handler ofMethod(Class<?> type, String name) throws Throwable {
    Method method =
        Arrays.stream(type.getMethods())
            .filter((one) -> one.getName().equals(name) && !one.isBridge() && isHandler(one.getParameterTypes()))
            // Of methods with one name the one with a context, and then with more parameters, is meant.
            .max(Comparator.comparing((Method one) -> takesContext(one.getParameterTypes())).thenComparing(Method::getParameterCount))
            .orElseThrow(
                () -> new NoSuchMethodException("No public method named " + name + " with appropriate method signature found on class " + type.getName()));
    method.trySetAccessible();
    Object target = Modifier.isStatic(method.getModifiers()) ? null : instance(type);
    Class<?>[] parameters = method.getParameterTypes();
    boolean withContext = takesContext(parameters);
    int values = parameters.length - (withContext ? 1 : 0);
    if (values == 2) {
      return (event, context) -> {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        call(method, target, withContext, context, new ByteArrayInputStream(event), answer);
        return answer.toByteArray();
      };
    }
    Map<TypeVariable<?>, Type> variables = TypeVariables.of(type);
    Type output = method.getGenericReturnType();
    if (values == 0) return (event, context) -> translation.toBytes(call(method, target, withContext, context), output);
    Type input = method.getGenericParameterTypes()[0];
    return (event, context) ->
        translation.toBytes(call(method, target, withContext, context, translation.toObject(event, input, variables)), output);
  }

  private static boolean isHandler(Class<?>[] parameters) {
    int values = parameters.length - (takesContext(parameters) ? 1 : 0);
    return values <= 1 || (values == 2 && parameters[0] == InputStream.class && parameters[1] == OutputStream.class);
  }

  private static boolean takesContext(Class<?>[] parameters) {
    return parameters.length > 0 && parameters[parameters.length - 1] == Context.class;
  }

  private static Object call(Method method, Object target, boolean withContext, Context context, Object... values) throws Throwable {
    Object[] arguments = Arrays.copyOf(values, values.length + (withContext ? 1 : 0));
    if (withContext) arguments[values.length] = context;
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException thrown) {
      throw thrown.getCause();
    }
  }

  private static Object instance(Class<?> type) throws Throwable {
    try {
      var constructor = type.getConstructor();
      constructor.trySetAccessible();
      return constructor.newInstance();
    } catch (NoSuchMethodException missing) {
      throw new NoSuchMethodException("Class " + type.getName() + " has no public zero-argument constructor");
    } catch (InvocationTargetException thrown) {
      throw thrown.getCause();
    }
  }
}
