import type { FactSink, InvokeCall, InvokeOutcome, Invoker } from '@weft/contracts'
import {
  afterRun,
  beforeRun,
  describeFailure,
  type EventDelivery,
  type EventTargets,
  enterChain,
  type InvocationBook,
  policyOf,
  type QueuedEvent,
  type RunResponse,
  recursionMessage,
  type Settlement,
  type TargetState,
} from '@weft/delivery'
import { type Clock, delay, type Logger, type Random } from '@weft/platform'
import { eventInvokeOf, type ResolveCatalogue, resolveCall } from '@weft/registry'
import type { AsyncQueueConfig } from './config.ts'
import { endEvent } from './end-event.ts'
import type { FairGate } from './fair-gate.ts'
import { Pace } from './pace.ts'
import { beginTracked, queueTracked } from './track-event.ts'

export interface RunContext {
  readonly config: AsyncQueueConfig
  readonly gate: FairGate
  /** By account and function. */
  readonly paces: Map<string, Pace>
  readonly catalogue: ResolveCatalogue
  readonly invoker: Invoker
  readonly targets: EventTargets
  readonly facts: FactSink
  readonly book: InvocationBook
  readonly clock: Clock
  /** Chooses between the versions of an alias. */
  readonly random: Random
  readonly log: Logger
  /** Aborts when nothing new may start. */
  readonly stopping: AbortSignal
  /** Aborts when what runs must be given back. */
  readonly leaving: AbortSignal
}

const settleWaitMs = { first: 250, most: 5_000 }
/** How often an event that waits for a place is looked at. */
const lookMs = 1_000

/**
 * Carries one delivery to a settlement, or gives it back. Nothing is written once the delivery is lost: then another
 * has the event, and what this run came to counts for nothing.
 */
export async function runEvent(context: RunContext, delivery: EventDelivery): Promise<void> {
  const { event } = delivery
  // Looked at before waiting for a place, so that events which are not due hold none up.
  const early = consider(context, event)
  if (early.decision.kind === 'wait') return delivery.release(early.decision.delayMs)
  const exit = await enter(context, event)
  if (typeof exit === 'number') return delivery.release(exit)
  try {
    if (delivery.held()) await carry(context, delivery)
  } finally {
    exit()
    paceOf(context, event).ended(context.gate.waiting(event.accountId, event.functionName) > 0)
  }
}

/**
 * Waits for a place; gives the way out of it, or the delay after which the event shall come again. The greater part of a
 * slow function's backlog stays in the store, so that what lies behind it comes into sight.
 */
function enter(context: RunContext, { accountId, functionName }: QueuedEvent): Promise<(() => void) | number> {
  const { gate, clock, config, random, stopping } = context
  const pace = paceOf(context, { accountId, functionName })
  const parked = (): number | undefined =>
    gate.waiting(accountId, functionName) > config.waitingPerFunction ? pace.park(clock.monotonic(), random) : undefined
  return new Promise((resolve) => {
    const leave = new AbortController()
    let delayMs = 0
    const look = (): void => {
      const parkedMs = parked()
      if (parkedMs === undefined) timer = clock.schedule(lookMs, look)
      else {
        delayMs = parkedMs
        leave.abort()
      }
    }
    let timer = clock.schedule(lookMs, look)
    void gate.acquire(accountId, AbortSignal.any([stopping, leave.signal]), functionName).then((exit) => {
      timer.cancel()
      resolve(exit ?? delayMs)
    })
    // Once more is known of the function its events need not wait for the next look.
    const atOnce = parked()
    if (atOnce !== undefined) {
      delayMs = atOnce
      leave.abort()
    }
  })
}

function paceOf(
  { paces }: RunContext,
  { accountId, functionName }: Pick<QueuedEvent, 'accountId' | 'functionName'>,
): Pace {
  const key = `${accountId}/${functionName}`
  const known = paces.get(key)
  if (known) return known
  const fresh = new Pace()
  paces.set(key, fresh)
  return fresh
}

async function carry(context: RunContext, delivery: EventDelivery): Promise<void> {
  const { event } = delivery
  const { decision, policy, target } = consider(context, event)
  if (decision.kind === 'wait') return delivery.release(decision.delayMs)
  if (decision.kind === 'end')
    return settle(context, delivery, await endEvent(context, event, decision, event.response))
  if (!target) throw new Error('an event runs only where its function is known')
  const chain = enterChain({
    traceHeader: event.traceHeader,
    functionArn: target.record.functionArn,
    recursiveLoop: target.record.recursiveLoop,
    requestId: event.requestId,
    acceptedAtMs: event.acceptedAtMs,
  })
  if (chain.kind === 'loop') return settle(context, delivery, await endLoop(context, event))
  const over = await beginTracked(context, event)
  if (over) return settle(context, delivery, over)
  const { traceHeader } = chain
  const outcome = await invoke(context, {
    requestId: event.requestId,
    target,
    payload: event.payload,
    source: 'event',
    attempt: event.attempt,
    logTail: false,
    acceptedAtMs: event.acceptedAtMs,
    traceHeader,
    ...(event.traceparent !== undefined && { traceparent: event.traceparent }),
  })
  if (outcome === 'left') return delivery.release(0)
  const next = afterRun(event, outcome, describeFailure(outcome), policy, context.clock.now())
  if (next.kind === 'again') await queueTracked(context, event)
  const settlement: Settlement =
    next.kind === 'again'
      ? { kind: 'again', event: { ...event, ...next.next } }
      : await endEvent(context, { ...event, traceHeader }, next, responseOf(outcome))
  return settle(context, delivery, settlement)
}

/** As on AWS the event is not lost: it goes where failed ones go. */
function endLoop(context: RunContext, event: QueuedEvent): Promise<Settlement> {
  const { requestId, accountId, functionName } = event
  context.facts.record({ type: 'recursion', requestId, accountId, functionName, atMs: context.clock.now() })
  const error = { code: 400, message: recursionMessage }
  return endEvent(context, event, { condition: 'RecursiveInvocation', error, runs: event.attempt - 1 }, undefined)
}

const responseOf = (outcome: InvokeOutcome): RunResponse | undefined =>
  outcome.kind === 'succeeded' || outcome.kind === 'function-error'
    ? {
        statusCode: 200,
        executedVersion: outcome.executedVersion,
        ...(outcome.kind === 'function-error' && { functionError: 'Unhandled' }),
        payload: outcome.payload,
      }
    : undefined

function consider({ catalogue, config, clock, random }: RunContext, event: QueuedEvent) {
  const scope = { accountId: event.accountId, region: config.region }
  const resolved = resolveCall(catalogue, scope, event.functionName, event.qualifier, random)
  const target = resolved.ok ? resolved.value : undefined
  const policy = policyOf(config.retry, target && eventInvokeOf(target.record, event.qualifier))
  const reserved = target?.record.reservedConcurrency
  const state: TargetState = !resolved.ok
    ? { kind: 'missing', message: resolved.error.message }
    : resolved.value.version.state === 'Pending'
      ? { kind: 'pending' }
      : { kind: 'ready', ...(reserved !== undefined && { reservedConcurrency: reserved }) }
  return { target, policy, decision: beforeRun(event, state, policy, clock.now()) }
}

async function invoke(context: RunContext, call: InvokeCall): Promise<InvokeOutcome | 'left'> {
  const { leaving, log, facts, clock } = context
  const left = new Promise<'left'>((resolve) => {
    if (leaving.aborted) resolve('left')
    leaving.addEventListener('abort', () => resolve('left'), { once: true })
  })
  try {
    const outcome = await Promise.race([context.invoker.invoke(call, leaving), left])
    if (outcome !== 'left' && outcome.kind === 'throttled')
      facts.record({
        type: 'throttle',
        requestId: call.requestId,
        accountId: call.target.record.accountId,
        functionName: call.target.record.functionName,
        reason: outcome.reason,
        atMs: clock.now(),
      })
    return outcome
  } catch (error) {
    log.error({ err: error, requestId: call.requestId }, 'the invoker broke')
    return { kind: 'platform-error', detail: 'The invoker failed.', mayHaveRun: true }
  }
}

/**
 * Writes the settlement, again and again while the delivery is held: without an answer of the store it is not known
 * what was written, and the same writes once more are harmless. The hold ends by itself when the bus stays away.
 */
async function settle(context: RunContext, delivery: EventDelivery, settlement: Settlement): Promise<void> {
  const { clock, log, leaving } = context
  const { requestId } = delivery.event
  let waitMs = settleWaitMs.first
  while (!leaving.aborted) {
    try {
      if ((await delivery.settle(settlement)) === 'settled') return
      log.warn({ requestId, settlement: settlement.kind }, 'delivery lost; its outcome is not written')
      return
    } catch (error) {
      log.warn({ err: error, requestId, settlement: settlement.kind, waitMs }, 'a settlement is tried again')
      await delay(clock, waitMs, leaving)
      waitMs = Math.min(settleWaitMs.most, waitMs * 2)
    }
  }
}
