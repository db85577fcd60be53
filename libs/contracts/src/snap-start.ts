import type { AccountId, FunctionName } from './ids.ts'

/**
 * How far the fabric is with a published version that has SnapStart. Kept beside the version, which never changes; a
 * version that has no entry yet is Pending.
 */
export interface SnapStartEntry {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly version: string
  /** Of the version: one that was deleted and made anew by another life of the function is another. */
  readonly revisionId: string
  /** Pending until the first environment is initialised; Inactive after two weeks without a call. */
  readonly state: 'Pending' | 'Active' | 'Inactive' | 'Failed'
  /** Of the state, epoch ms. */
  readonly sinceMs: number
  /** It was Inactive: the version is initialised again. */
  readonly restoring?: true
  /** With Failed: what went wrong, for example "Runtime.ImportModuleError". */
  readonly failure?: string
  /** Epoch ms, to the hour. */
  readonly lastUsedMs: number
  /** Of the leader that told it. */
  readonly epoch: number
}

/** `<account>.<function>.<version>`: key of the bucket of SnapStart states. */
export const snapStartKey = (account: AccountId, name: FunctionName, version: string): string =>
  `${account}.${name}.${version}`
