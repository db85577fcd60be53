import { createHash } from 'node:crypto'
import { type AccountId, type FunctionName, type Result, requestIdOfMessage } from '@weft/contracts'

/**
 * What is known of an invocation whose result is kept, because its caller asked for that or named an idempotency key.
 * Weft's own; durations in ms, times in epoch ms.
 */
export interface TrackedInvocation {
  readonly requestId: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly qualifier?: string
  readonly invocationType: 'RequestResponse' | 'Event'
  /** `queued`: waits for a run, also for another one. The last two are final. */
  readonly state: 'queued' | 'running' | 'ended' | 'cancelled'
  readonly acceptedAtMs: number
  /** How long it is kept after its end: the window of its idempotency key. */
  readonly keepMs: number
  /** Hex SHA-256: a key stands for one payload. */
  readonly payloadDigest: string
  /** Runs that began. */
  readonly runs: number
  /** Of a synchronous call that runs: when its caller is taken for dead, and another may run it. */
  readonly runningUntilMs?: number
  readonly endedAtMs?: number
  /** `Success`, `RetriesExhausted`, …; of a synchronous call `Success` or `FunctionError`. */
  readonly condition?: string
  readonly statusCode?: number
  readonly executedVersion?: string
  readonly functionError?: string
}

export interface TrackedEntry {
  readonly invocation: TrackedInvocation
  /** What the function answered, of one that has ended. */
  readonly answer?: Uint8Array
  readonly revision: number
}

/** Keeps tracked invocations by account and request id, changed by compare-and-set. Rejects when the store is away. */
export interface InvocationBook {
  read(account: AccountId, requestId: string): Promise<TrackedEntry | undefined>
  /** `before`: what was read; undefined: nothing was. Resolves to the new revision. */
  write(
    before: TrackedEntry | undefined,
    invocation: TrackedInvocation,
    answer?: Uint8Array,
  ): Promise<Result<number, 'conflict'>>
  /** Forgets an invocation that came to nothing. */
  remove(entry: TrackedEntry): Promise<Result<number, 'conflict'>>
}

/** Longest that a result is kept, and how long it is when nothing else is asked for, seconds. */
export const keepSeconds = { least: 120, default: 3_600, most: 86_400 } as const

/** Final, and kept for as long as was asked. Under its key another invocation may begin. */
export const isForgotten = ({ state, endedAtMs = 0, keepMs }: TrackedInvocation, now: number): boolean =>
  (state === 'ended' || state === 'cancelled') && now >= endedAtMs + keepMs

/** The request id of all calls of one function and qualifier with one idempotency key. */
export const requestIdOfKey = (
  account: AccountId,
  functionName: FunctionName,
  qualifier: string | undefined,
  key: string,
): string =>
  requestIdOfMessage(`${account}/${functionName}/${qualifier ?? ''}`, createHash('sha256').update(key).digest('hex'), 0)

/** What a queue does with an event whose invocation is tracked, before a run. */
export type TrackedRun = 'run' | 'cancelled' | 'ended'

/** Marks a run as begun, unless the invocation is over. What is not in the book (any more) runs untracked. */
export async function beginRun(
  book: InvocationBook,
  account: AccountId,
  requestId: string,
  runs: number,
): Promise<TrackedRun> {
  for (;;) {
    const entry = await book.read(account, requestId)
    if (!entry) return 'run'
    if (entry.invocation.state === 'ended' || entry.invocation.state === 'cancelled') return entry.invocation.state
    if ((await book.write(entry, { ...entry.invocation, state: 'running', runs })).ok) return 'run'
  }
}

/** Changes what is known of an invocation that is not over; nothing when it is, or is not in the book. */
export async function changeTracked(
  book: InvocationBook,
  account: AccountId,
  requestId: string,
  change: Partial<TrackedInvocation>,
  answer?: Uint8Array,
): Promise<void> {
  for (;;) {
    const entry = await book.read(account, requestId)
    if (!entry || entry.invocation.state === 'ended' || entry.invocation.state === 'cancelled') return
    if ((await book.write(entry, { ...entry.invocation, ...change }, answer)).ok) return
  }
}

/** Ends an invocation that waits for a run. Those that run or are over are not cancelled; undefined: not in the book. */
export async function cancelInvocation(
  book: InvocationBook,
  account: AccountId,
  requestId: string,
  now: number,
): Promise<TrackedInvocation | undefined> {
  for (;;) {
    const entry = await book.read(account, requestId)
    if (!entry) return undefined
    if (entry.invocation.state !== 'queued') return entry.invocation
    const cancelled: TrackedInvocation = {
      ...entry.invocation,
      state: 'cancelled',
      endedAtMs: now,
      condition: 'Cancelled',
    }
    if ((await book.write(entry, cancelled)).ok) return cancelled
  }
}
