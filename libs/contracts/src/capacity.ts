/** What the leader of a partition of placement tells about every second, on `subjects.capacity`. Memory in MB. */
export interface CapacityAnnouncement {
  readonly instanceId: string
  readonly atMs: number
  readonly workers: number
  readonly memoryMb: number
  readonly freeMb: number
  readonly shortMb: number
  readonly waiting: number
  readonly leased: number
  readonly idle: number
  readonly starting: number
  readonly stopping: number
  readonly accounts: readonly AccountUse[]
}

/** What an account uses of its concurrency; only accounts and functions that use any, or have any provisioned. */
export interface AccountUse {
  readonly accountId: string
  readonly limit: number
  /** Concurrent executions: leases. */
  readonly used: number
  readonly functions: readonly FunctionUse[]
}

export interface FunctionUse {
  readonly functionName: string
  readonly used: number
  readonly provisioned: readonly ProvisionedUse[]
}

export interface ProvisionedUse {
  readonly version: string
  /** Environments that are initialised; of these, those that serve a call. */
  readonly available: number
  readonly busy: number
}
