import type { LeaseOrigin } from '@weft/contracts'
import type { DispatcherFrame, Lease, LeaseId } from '@weft/contracts/placement'
import { InvocationSource, LeaseOrigin as Origin, type RunFrame } from '@weft/contracts/worker'
import { answerWindowBytes } from './answer-window.ts'
import type { PendingCall } from './lanes.ts'

export function acquireFrame({ lane, call, seq, deadline }: PendingCall, now: number): DispatcherFrame {
  const waitMs = Math.max(1, Math.ceil(deadline - now))
  return {
    frame: {
      $case: 'acquire',
      value: {
        seq,
        spec: lane.spec,
        requestId: call.requestId,
        deadlineMs: BigInt(Math.ceil(call.acceptedAtMs)) + BigInt(waitMs),
        waitMs,
      },
    },
  }
}

export const cancelFrame = (seq: bigint): DispatcherFrame => ({ frame: { $case: 'cancel', value: { seq } } })

export const releaseFrame = (
  { id, sandboxId }: Lease,
  { sandboxLost, mayStillRun }: { readonly sandboxLost: boolean; readonly mayStillRun: boolean },
): DispatcherFrame => ({ frame: { $case: 'release', value: { id, sandboxId, sandboxLost, mayStillRun } } })

export const busyFrame = (id: LeaseId, sandboxId: string, kept: boolean): DispatcherFrame => ({
  frame: { $case: 'busy', value: { id, sandboxId, kept } },
})

export const invokeFrame = (
  seq: bigint,
  lease: Lease,
  { call, enqueuedAt }: PendingCall,
  origin: LeaseOrigin,
  now: number,
): RunFrame => ({
  frame: {
    $case: 'invoke',
    value: {
      seq,
      lease: lease.id,
      sandboxId: lease.sandboxId,
      requestId: call.requestId,
      invokedFunctionArn: call.target.invokedArn,
      payload: asBuffer(call.payload),
      clientContext: call.clientContext ?? '',
      traceHeader: call.traceHeader ?? '',
      traceparent: call.traceparent ?? '',
      logTail: call.logTail,
      source: sources[call.source],
      attempt: call.attempt,
      acceptedAtMs: call.acceptedAtMs,
      queuedMs: now - enqueuedAt,
      leaseOrigin: origins[origin],
      answerWindowBytes: call.sink ? answerWindowBytes : 0,
    },
  },
})

export const creditFrame = (seq: bigint, bytes: number, discard: boolean): RunFrame => ({
  frame: { $case: 'credit', value: { seq, bytes, discard } },
})

const sources = {
  sync: InvocationSource.INVOCATION_SOURCE_SYNC,
  event: InvocationSource.INVOCATION_SOURCE_EVENT,
  mapping: InvocationSource.INVOCATION_SOURCE_MAPPING,
} as const

const origins = {
  held: Origin.LEASE_ORIGIN_HELD,
  reused: Origin.LEASE_ORIGIN_REUSED,
  granted: Origin.LEASE_ORIGIN_GRANTED,
  started: Origin.LEASE_ORIGIN_STARTED,
} as const

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
