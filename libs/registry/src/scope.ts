import type { AccountId, IsolationClass } from '@weft/contracts'

/** Whose catalogue is asked, and what is stamped on what changes. */
export interface Scope {
  readonly accountId: AccountId
  readonly region: string
}

export interface ChangeStamp {
  readonly nowMs: number
  /** A fresh UUID. */
  readonly revisionId: string
}

/** What the fleet can run. */
export interface Offer {
  /** Runtime ids, for example `nodejs24.x`. */
  readonly runtimes: readonly string[]
  /** The same with the versions that workers have: `nodejs24.x:24.21.0`. Absent: none is told. */
  readonly runtimeVersions?: readonly string[]
  readonly architectures: readonly ('x86_64' | 'arm64')[]
  /** Whether container images can be run. */
  readonly images?: boolean
  /** Ids of subnets and security groups; absent: there are none. */
  readonly networks?: readonly string[]
  /** What keeps the sandboxes of some worker apart. Absent: nobody has told. */
  readonly isolations?: readonly IsolationClass[]
}
