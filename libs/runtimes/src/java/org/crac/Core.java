package org.crac;

import weft.runtime.SnapStart;

/** The API of that name for functions with SnapStart. */
public final class Core {
  private Core() {}

  public static Context<Resource> getGlobalContext() {
    return SnapStart.CONTEXT;
  }

  /** Only the platform decides when. */
  public static void checkpointRestore() throws CheckpointException, RestoreException {
    throw new UnsupportedOperationException("an environment cannot checkpoint itself");
  }
}
