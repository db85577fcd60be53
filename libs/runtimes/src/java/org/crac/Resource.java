package org.crac;

/** What wants to know when its machine is to be checkpointed, and when it was restored. */
public interface Resource {
  void beforeCheckpoint(Context<? extends Resource> context) throws Exception;

  void afterRestore(Context<? extends Resource> context) throws Exception;
}
