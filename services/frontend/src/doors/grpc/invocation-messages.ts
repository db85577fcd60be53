import type { Invocation } from '@weft/contracts/api/invoke'
import type { TrackedEntry } from '@weft/delivery'
import type { Tracking } from '../../operations/track-call.ts'

/** Which of a request's fields ask that its result be kept; undefined: none. */
export function trackingIn(request: {
  readonly idempotencyKey: string
  readonly keepResultSeconds: number
}): Tracking | undefined {
  const { idempotencyKey: key, keepResultSeconds: keepSeconds } = request
  if (key === '' && keepSeconds === 0) return undefined
  return { ...(key !== '' && { key }), ...(keepSeconds !== 0 && { keepSeconds }) }
}

/** What is known of an invocation whose result is kept. */
export function invocationMessage({ invocation, answer }: TrackedEntry, functionArn: string): Invocation {
  const { acceptedAtMs, endedAtMs, keepMs } = invocation
  return {
    requestId: invocation.requestId,
    functionArn,
    invocationType: invocation.invocationType,
    state: invocation.state,
    condition: invocation.condition ?? '',
    runs: invocation.runs,
    statusCode: invocation.statusCode ?? 0,
    executedVersion: invocation.executedVersion ?? '',
    functionError: invocation.functionError ?? '',
    acceptedAt: new Date(acceptedAtMs),
    endedAt: endedAtMs === undefined ? undefined : new Date(endedAtMs),
    keptUntil: endedAtMs === undefined ? undefined : new Date(endedAtMs + keepMs),
    payload: Buffer.from(answer ?? new Uint8Array()),
  }
}
