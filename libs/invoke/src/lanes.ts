import type { InvokeCall, InvokeOutcome } from '@weft/contracts'
import type { Lease } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { AnswerWindow } from './answer-window.ts'

/** A call on its way, from its arrival to its outcome. */
export interface PendingCall {
  readonly call: InvokeCall
  readonly lane: Lane
  readonly done: (outcome: InvokeOutcome) => void
  /** Of its acquire; 0 while it has none. */
  seq: bigint
  /** The acquire was made for a call before it, whose wait may end sooner. */
  inherited: boolean
  /** When the acquire was made. */
  askedAt: number
  enqueuedAt: number
  /** Until when it waits for a sandbox. */
  readonly deadline: number
  state: 'waiting' | 'running' | 'ended'
  /** Runs that provably did not start. */
  notStarted: number
  /** Of the run, when the caller takes streamed answers. */
  answer: AnswerWindow | undefined
}

/** Names one invoke door: a worker that comes back behind another address is another door. */
export const doorOf = (lease: Lease): string => `${lease.workerId} ${lease.workerAddress}`

/** A lease in the hands of this dispatcher. */
export interface Held {
  readonly lease: Lease
  readonly lane: Lane
  readonly door: string
  /** What runs under it. */
  running: PendingCall | undefined
  runSeq: bigint
  startedAt: number
  /** Since when it is idle. */
  idleSince: number
  /** To be released when its invocation ends. */
  recalled: boolean
}

/** All calls of one sandbox key: they share leases and wait in one line. */
export interface Lane {
  readonly spec: SandboxSpec
  readonly partition: number
  /** Idle leases; the last one was used last and is used next, so that surplus ones go idle for good. */
  readonly free: Held[]
  /** Calls that wait for a lease, oldest first. */
  waiting: Set<PendingCall>
  /** Those of them that have not asked placement yet. */
  readonly patient: Set<PendingCall>
  /** Leases of this lane, recalled ones included. */
  held: number
  /** Leases that will serve more calls of this lane: held and not recalled. */
  keeping: number
  /** Open acquires. */
  asking: number
  /** What a run takes without its initialisation when nothing is in its way, ms; undefined before the first one. */
  runMs: number | undefined
  /** When a lease last came or came free. */
  progressAt: number
  /** Leases to have whatever the estimate says, because calls have waited for too long; and when that was last raised. */
  atLeast: number
  raisedAt: number
}

export const newLane = (spec: SandboxSpec, partition: number, runMs: number | undefined): Lane => ({
  spec,
  partition,
  free: [],
  waiting: new Set(),
  patient: new Set(),
  held: 0,
  keeping: 0,
  asking: 0,
  runMs,
  progressAt: 0,
  atLeast: 0,
  raisedAt: 0,
})

/** Takes an idle lease out of those that are at hand. */
export function takeFree(held: Held): void {
  const { free } = held.lane
  const at = free.lastIndexOf(held)
  if (at >= 0) free.splice(at, 1)
}
