package weft.runtime;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.crac.CheckpointException;
import org.crac.Context;
import org.crac.Resource;
import org.crac.RestoreException;

/** Has the resources of a function with SnapStart told. */
public final class SnapStart extends Context<Resource> {
  public static final SnapStart CONTEXT = new SnapStart();

  /** As the specification of the API says, a context alone keeps no resource alive. */
  private final List<WeakReference<Resource>> resources = new ArrayList<>();

  private SnapStart() {}

  static boolean wanted() {
    return "snap-start".equals(System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"));
  }

  @Override
  public synchronized void register(Resource resource) {
    resources.add(new WeakReference<>(resource));
  }

  @Override
  public void beforeCheckpoint(Context<? extends Resource> context) throws CheckpointException {
    List<Resource> all = alive();
    Collections.reverse(all);
    CheckpointException failed = null;
    for (Resource resource : all) {
      try {
        resource.beforeCheckpoint(this);
      } catch (Exception fault) {
        if (failed == null) failed = new CheckpointException(String.valueOf(fault));
        failed.addSuppressed(fault);
      }
    }
    if (failed != null) throw failed;
  }

  @Override
  public void afterRestore(Context<? extends Resource> context) throws RestoreException {
    RestoreException failed = null;
    for (Resource resource : alive()) {
      try {
        resource.afterRestore(this);
      } catch (Exception fault) {
        if (failed == null) failed = new RestoreException(String.valueOf(fault));
        failed.addSuppressed(fault);
      }
    }
    if (failed != null) throw failed;
  }

  private synchronized List<Resource> alive() {
    List<Resource> alive = new ArrayList<>();
    for (WeakReference<Resource> reference : resources) {
      Resource resource = reference.get();
      if (resource != null) alive.add(resource);
    }
    return alive;
  }
}
