/** Where tests and the runner keep what they share; see run.ts. */
export const stateVariable = 'WEFT_TEST_CLUSTER'

/** Written by the runner for the tests. */
export interface ClusterState {
  readonly socketPath: string
  readonly project: string
  /** Folder with the cluster's keys and credentials. */
  readonly clusterDir: string
}
