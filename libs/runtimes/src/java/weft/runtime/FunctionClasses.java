package weft.runtime;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The class path of a function: the package's folder, the jars in its lib, then those that layers bring in java/lib. */
final class FunctionClasses {
  private FunctionClasses() {}

  static ClassLoader of(String taskRoot, String layersRoot) throws MalformedURLException {
    List<URL> path = new ArrayList<>();
    path.add(new File(taskRoot + "/").toURI().toURL());
    addJars(path, new File(taskRoot, "lib"));
    addJars(path, new File(layersRoot, "java/lib"));
    return new URLClassLoader(path.toArray(new URL[0]), FunctionClasses.class.getClassLoader());
  }

  private static void addJars(List<URL> path, File folder) throws MalformedURLException {
    File[] jars = folder.listFiles((in, name) -> name.endsWith(".jar"));
    if (jars == null) return;
    Arrays.sort(jars);
    for (File jar : jars) path.add(jar.toURI().toURL());
  }
}
