/**
 * How the provisioned concurrency of a version or alias follows its use and its times; a scalable target of Application
 * Auto Scaling. Capacities are environments.
 */
export interface ProvisionedScaling {
  readonly minCapacity: number
  readonly maxCapacity: number
  readonly suspended?: ScalingSuspension
  readonly createdAtMs: number
  /** By name. */
  readonly policies: Readonly<Record<string, ScalingPolicy>>
  /** By name. */
  readonly actions: Readonly<Record<string, ScheduledScaling>>
  /** What has been done of late, the newest first. */
  readonly activities: readonly ScalingActivity[]
}

/** What is not done for now. */
export interface ScalingSuspension {
  readonly in: boolean
  readonly out: boolean
  readonly scheduled: boolean
}

/** Keeps the share of provisioned environments that are busy near a value. */
export interface ScalingPolicy {
  readonly policyId: string
  /** Above 0, at most 1. */
  readonly targetValue: number
  /** What of the utilisation within a minute counts. */
  readonly statistic: 'Average' | 'Minimum' | 'Maximum'
  /** Whether the metric was named by the caller, or as LambdaProvisionedConcurrencyUtilization. */
  readonly customized: boolean
  readonly scaleOutCooldownMs: number
  readonly scaleInCooldownMs: number
  readonly disableScaleIn: boolean
  readonly createdAtMs: number
}

/** Sets the bounds at given times. */
export interface ScheduledScaling {
  readonly actionId: string
  /** `cron(…)`, `rate(…)` or `at(…)`. */
  readonly schedule: string
  readonly timezone: string
  readonly startMs?: number
  readonly endMs?: number
  readonly minCapacity?: number
  readonly maxCapacity?: number
  readonly createdAtMs: number
  /** Times up to here have been acted on. */
  readonly doneThroughMs: number
}

export interface ScalingActivity {
  readonly activityId: string
  readonly atMs: number
  readonly description: string
  readonly cause: string
  readonly status: 'Successful' | 'Failed'
  /** Why it failed. */
  readonly message?: string
}
