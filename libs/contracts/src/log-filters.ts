import type { AccountId } from './ids.ts'

/** Who is called with the lines of a log group as they come: a subscription filter of CloudWatch Logs. */
export interface LogFilter {
  readonly name: string
  /** Filter pattern of terms; empty: every line. */
  readonly pattern: string
  readonly functionArn: string
  /** Lines from before are not sent. */
  readonly createdAtMs: number
}

/** All of a log group, in one record: they change by compare-and-set. */
export interface LogFilters {
  readonly kind: 'log-filters'
  readonly accountId: AccountId
  readonly logGroup: string
  readonly filters: readonly LogFilter[]
}

/** As permissions of functions and IAM policies name it. */
export const logGroupArn = (region: string, account: AccountId, logGroup: string): string =>
  `arn:aws:logs:${region}:${account}:log-group:${logGroup}:*`
