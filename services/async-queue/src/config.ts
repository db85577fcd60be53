import { awsRetryPolicy, type RetryPolicy } from '@weft/delivery'

export interface AsyncQueueConfig {
  readonly region: string
  /** Events of one account that run at a time in this instance. */
  readonly accountConcurrency: number
  /** Events of all accounts that run at a time in this instance. */
  readonly totalConcurrency: number
  /** Events of one account beyond those that run which are looked at, per lane. */
  readonly lookAhead: number
  /** Events of one function that wait for a place here; the others wait in the store. */
  readonly waitingPerFunction: number
  /** Where a function has settings of its own, they replace the attempts and the age. */
  readonly retry: RetryPolicy
  /** Deliveries of a dead letter to the function's own target before it is kept in the dead stream only. */
  readonly deadLetterTries: number
  /** What runs at a stop may finish within this, ms; the rest is given back. */
  readonly stopDeadlineMs: number
}

export const asyncQueueDefaults: AsyncQueueConfig = {
  region: 'us-east-1',
  accountConcurrency: 64,
  totalConcurrency: 256,
  lookAhead: 64,
  waitingPerFunction: 8,
  retry: awsRetryPolicy,
  // With the back-off of throttles: for about ten minutes.
  deadLetterTries: 10,
  stopDeadlineMs: 25_000,
}
