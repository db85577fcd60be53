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
import { checkTenant, eventInvokeOf, type ResolveCatalogue, resolveCall } from '@weft/registry'
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
  const free = context.stopping.aborted ? undefined : context.gate.take(event.accountId)
  const exit = free ?? (await enter(context, event))
  if (typeof exit === 'number') return delivery.release(exit)
  let end: Conclusion | undefined
  try {
    if (delivery.held()) end = await carry(context, delivery, free ? early : consider(context, event))
  } finally {
    exit()
    paceOf(context, event).ended(context.gate.waiting(event.accountId, event.functionName) > 0)
  }
  // The place is for what runs: the next event need not wait until this one's end is on the disk.
  if (end) await settle(context, delivery, await end())
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
  if (stopping.aborted) return Promise.resolve(0)
  return new Promise((resolve) => {
    let settled = false
    const done = (result: (() => void) | number): void => {
      settled = true
      timer.cancel()
      stopping.removeEventListener('abort', stop)
      resolve(result)
    }
    const leave = (delayMs: number): void => {
      stopWaiting()
      done(delayMs)
    }
    const stop = (): void => leave(0)
    const look = (): void => {
      const parkedMs = parked()
      if (parkedMs === undefined) timer = clock.schedule(lookMs, look)
      else leave(parkedMs)
    }
    let timer = clock.schedule(lookMs, look)
    const stopWaiting = gate.wait(accountId, functionName, done)
    if (settled) return
    stopping.addEventListener('abort', stop, { once: true })
    // Once more is known of the function its events need not wait for the next look.
    const atOnce = parked()
    if (atOnce !== undefined) leave(atOnce)
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

/** What is told of an event and written at its end. */
type Conclusion = () => Promise<Settlement>

/** Runs the event if it is to run; gives what is left to do then, undefined when it was given back. */
async function carry(
  context: RunContext,
  delivery: EventDelivery,
  { decision, policy, target }: ReturnType<typeof consider>,
): Promise<Conclusion | undefined> {
  const { event } = delivery
  if (decision.kind === 'wait') {
    delivery.release(decision.delayMs)
    return undefined
  }
  if (decision.kind === 'end') return () => endEvent(context, event, decision, event.response)
  if (!target) throw new Error('an event runs only where its function is known')
  const chain = enterChain({
    traceHeader: event.traceHeader,
    functionArn: target.record.functionArn,
    recursiveLoop: target.record.recursiveLoop,
    requestId: event.requestId,
    acceptedAtMs: event.acceptedAtMs,
  })
  if (chain.kind === 'loop') return () => endLoop(context, event)
  const over = event.tracked && (await beginTracked(context, event))
  if (over) return async () => over
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
    ...(event.tenantId !== undefined && { tenantId: event.tenantId }),
    ...(event.traceparent !== undefined && { traceparent: event.traceparent }),
  })
  if (outcome === 'left') {
    delivery.release(0)
    return undefined
  }
  const next = afterRun(event, outcome, describeFailure(outcome), policy, context.clock.now())
  if (next.kind !== 'again') return () => endEvent(context, { ...event, traceHeader }, next, responseOf(outcome))
  return async () => {
    await queueTracked(context, event)
    return { kind: 'again', event: { ...event, ...next.next } }
  }
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
  const tenant = target && checkTenant(target.record, event.tenantId)
  const state: TargetState = !resolved.ok
    ? { kind: 'missing', message: resolved.error.message }
    : tenant?.ok === false
      ? { kind: 'unfit', message: tenant.error.message }
      : resolved.value.version.state === 'Pending'
        ? { kind: 'pending' }
        : { kind: 'ready', ...(reserved !== undefined && { reservedConcurrency: reserved }) }
  return { target, policy, decision: beforeRun(event, state, policy, clock.now()) }
}

async function invoke(context: RunContext, call: InvokeCall): Promise<InvokeOutcome | 'left'> {
  const { leaving, log, facts, clock } = context
  if (leaving.aborted) return 'left'
  const left = Promise.withResolvers<'left'>()
  const leave = (): void => left.resolve('left')
  leaving.addEventListener('abort', leave)
  try {
    const outcome = await Promise.race([context.invoker.invoke(call, leaving), left.promise])
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
  } finally {
    leaving.removeEventListener('abort', leave)
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
