import { createHash } from 'node:crypto'
import { type AwsError, awsError, err, ok, type ResolvedFunction, type Result } from '@weft/contracts'
import {
  changeTracked,
  type InvocationBook,
  isForgotten,
  keepSeconds,
  requestIdOfKey,
  type TrackedEntry,
  type TrackedInvocation,
} from '@weft/delivery'
import { delay } from '@weft/platform'
import type { CallContext, InvokeInput, InvokeOutput } from './context.ts'
import type { OperationDeps } from './deps.ts'

/** What a caller asks of an invocation beyond its answer; Weft's own. */
export interface Tracking {
  /** Calls of one function with one key are one invocation. */
  readonly key?: string
  /** How long the result is kept after its end. */
  readonly keepSeconds?: number
}

/** Errors: InvalidParameterValueException. */
export function checkTracking({ key, keepSeconds: seconds }: Tracking): AwsError | undefined {
  if (key !== undefined && !/^[\x21-\x7e]{1,256}$/.test(key))
    return awsError('InvalidParameterValueException', 'An idempotency key has 1 to 256 printable ASCII characters.')
  const { least, most } = keepSeconds
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= least && seconds <= most))
    return awsError('InvalidParameterValueException', `A result is kept for ${least} to ${most} seconds.`)
  return undefined
}

interface TrackedCall {
  readonly context: CallContext
  readonly target: ResolvedFunction
  readonly payload: Uint8Array
  readonly input: Pick<InvokeInput, 'invocationType' | 'tenantId'>
  readonly tracking: Tracking
  /** Carries the call out under the context's request id. */
  readonly run: (context: CallContext) => Promise<Result<InvokeOutput, AwsError>>
}

type Deps = Pick<OperationDeps, 'clock' | 'log'> & { readonly book: InvocationBook }

/** A caller that is silent for longer than its function may run is dead. */
const graceMs = 60_000
const waitMs = { first: 50, most: 500 }

/**
 * Carries a call out once for its key: a later call gets the same answer, one at the same time waits for it. A call that
 * came to no answer (throttled, failure of the platform) leaves nothing, and the next one tries anew.
 */
export async function trackCall(deps: Deps, call: TrackedCall): Promise<Result<InvokeOutput, AwsError>> {
  const { book, clock, log } = deps
  const { target, tracking, context } = call
  const { accountId, functionName } = target.record
  const requestId =
    tracking.key === undefined
      ? context.requestId
      : requestIdOfKey(accountId, functionName, target.qualifier, keyOf(tracking.key, call.input.tenantId))
  try {
    for (let pauseMs = waitMs.first; ; pauseMs = Math.min(waitMs.most, pauseMs * 2)) {
      const entry = await book.read(accountId, requestId)
      const fresh = invocationOf(deps, call, requestId)
      if (!entry || isOpen(entry.invocation, clock.now())) {
        if ((await book.write(entry, fresh)).ok) return await carryOut(deps, call, fresh)
        continue
      }
      const known = await answerOf(entry, fresh, call)
      if (known) return known
      await delay(clock, pauseMs, context.signal)
      if (context.signal?.aborted) return err(awsError('ServiceException', 'The caller has gone.'))
    }
  } catch (error) {
    log.warn({ err: error, requestId }, 'the book of invocations cannot be used')
    return err(
      awsError('ServiceUnavailableException', 'The store of results is not available.', { retryAfterSeconds: 1 }),
    )
  }
}

/** Keys have no spaces: one tenant's is never taken for another's. */
const keyOf = (key: string, tenantId: string | undefined): string =>
  tenantId === undefined ? key : `${key} ${tenantId}`

/** Nothing is known any more, or its caller has died on the way. */
const isOpen = (invocation: TrackedInvocation, now: number): boolean =>
  isForgotten(invocation, now) ||
  (invocation.state === 'running' && invocation.runningUntilMs !== undefined && now >= invocation.runningUntilMs)

function invocationOf({ clock }: Deps, call: TrackedCall, requestId: string): TrackedInvocation {
  const { target, payload, input, tracking } = call
  const { record, version, qualifier } = target
  const now = clock.now()
  const event = input.invocationType === 'Event'
  return {
    requestId,
    accountId: record.accountId,
    functionName: record.functionName,
    ...(qualifier !== undefined && { qualifier }),
    invocationType: event ? 'Event' : 'RequestResponse',
    state: event ? 'queued' : 'running',
    acceptedAtMs: now,
    keepMs: (tracking.keepSeconds ?? keepSeconds.default) * 1_000,
    payloadDigest: createHash('sha256').update(payload).digest('hex'),
    runs: event ? 0 : 1,
    ...(!event && { runningUntilMs: now + version.timeoutMs + graceMs }),
  }
}

async function carryOut({ book, clock }: Deps, call: TrackedCall, fresh: TrackedInvocation) {
  const { accountId, requestId } = fresh
  const output = await call.run({ ...call.context, requestId })
  if (!output.ok) {
    const entry = await book.read(accountId, requestId)
    if (entry) await book.remove(entry)
    return output
  }
  if (output.value.kind === 'accepted') return ok({ ...output.value, requestId })
  if (output.value.kind !== 'answered') return output
  const { payload, executedVersion, functionError } = output.value
  const change: Partial<TrackedInvocation> = {
    state: 'ended',
    endedAtMs: clock.now(),
    condition: functionError === undefined ? 'Success' : 'FunctionError',
    statusCode: 200,
    executedVersion,
    ...(functionError !== undefined && { functionError }),
  }
  await changeTracked(book, accountId, requestId, change, payload)
  return ok({ ...output.value, requestId })
}

/** What a call under a known key gets; undefined: wait. */
async function answerOf(
  { invocation, answer }: TrackedEntry,
  fresh: TrackedInvocation,
  call: TrackedCall,
): Promise<Result<InvokeOutput, AwsError> | undefined> {
  const { requestId, state } = invocation
  if (invocation.payloadDigest !== fresh.payloadDigest)
    return err(awsError('InvalidParameterValueException', 'The idempotency key was used with another payload.'))
  if (call.input.invocationType === 'Event') {
    // Whoever wrote it down may have died before it was accepted. What is accepted twice is stored, or run, once.
    if (state === 'queued') {
      const accepted = await call.run({ ...call.context, requestId })
      if (!accepted.ok) return accepted
    }
    return ok({ kind: 'accepted', requestId })
  }
  if (state === 'cancelled') return err(awsError('ResourceConflictException', 'The invocation was cancelled.'))
  if (state !== 'ended') return undefined
  if (answer === undefined && invocation.condition !== 'Success')
    return err(awsError('ServiceException', `The invocation ended without an answer: ${invocation.condition}.`))
  return ok({
    kind: 'answered',
    requestId,
    payload: answer ?? new Uint8Array(),
    executedVersion: invocation.executedVersion ?? '',
    ...(invocation.functionError !== undefined && { functionError: 'Unhandled' as const }),
  })
}
