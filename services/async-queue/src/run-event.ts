import type { FactSink, InvokeCall, InvokeOutcome, Invoker } from '@weft/contracts'
import {
  afterRun,
  beforeRun,
  type DeadLetter,
  type DeadLetterTargets,
  deadRecord,
  describeFailure,
  type Ending,
  type EventDelivery,
  endLater,
  policyOf,
  type QueuedEvent,
  type Settlement,
  successRecord,
  type TargetState,
} from '@weft/delivery'
import { type Clock, delay, type Logger, type Random } from '@weft/platform'
import { eventInvokeOf, type ResolveCatalogue, resolveCall, resolveFunction } from '@weft/registry'
import type { AsyncQueueConfig } from './config.ts'
import type { FairGate } from './fair-gate.ts'

export interface RunContext {
  readonly config: AsyncQueueConfig
  readonly gate: FairGate
  readonly catalogue: ResolveCatalogue
  readonly invoker: Invoker
  readonly targets: DeadLetterTargets
  readonly facts: FactSink
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

/**
 * Carries one delivery to a settlement, or gives it back. Nothing is written once the delivery is lost: then another
 * has the event, and what this run came to counts for nothing.
 */
export async function runEvent(context: RunContext, delivery: EventDelivery): Promise<void> {
  const { event } = delivery
  // Looked at before waiting for a place, so that events which are not due hold none up.
  const early = consider(context, event)
  if (early.decision.kind === 'wait') return delivery.release(early.decision.delayMs)
  const exit = await context.gate.acquire(event.accountId, context.stopping)
  if (!exit) return delivery.release(0)
  try {
    if (delivery.held()) await carry(context, delivery)
  } finally {
    exit()
  }
}

async function carry(context: RunContext, delivery: EventDelivery): Promise<void> {
  const { event } = delivery
  const { decision, policy, target } = consider(context, event)
  if (decision.kind === 'wait') return delivery.release(decision.delayMs)
  if (decision.kind === 'end') return bury(context, delivery, decision)
  if (!target) throw new Error('an event runs only where its function is known')
  const outcome = await invoke(context, {
    requestId: event.requestId,
    target,
    payload: event.payload,
    source: 'event',
    attempt: event.attempt,
    logTail: false,
    acceptedAtMs: event.acceptedAtMs,
    ...(event.traceHeader !== undefined && { traceHeader: event.traceHeader }),
    ...(event.traceparent !== undefined && { traceparent: event.traceparent }),
  })
  if (outcome === 'left') return delivery.release(0)
  const next = afterRun(event, outcome, describeFailure(outcome), policy, context.clock.now())
  switch (next.kind) {
    case 'done':
      return settle(context, delivery, { kind: 'done', end: successRecord(event, context.clock.now()) })
    case 'again':
      return settle(context, delivery, { kind: 'again', event: { ...event, ...next.next } })
    case 'end':
      return bury(context, delivery, next)
  }
}

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

/** Ends an event as a dead letter: to the function's own target if it has one, and always to the dead stream. */
async function bury(context: RunContext, delivery: EventDelivery, ending: Ending): Promise<void> {
  const { catalogue, targets, clock, log, config } = context
  const { event } = delivery
  const record = catalogue.function(event.accountId, event.functionName)
  const functionArn = record && `${record.functionArn}${event.qualifier === undefined ? '' : `:${event.qualifier}`}`
  const letter: DeadLetter = { event, ending, ...(functionArn !== undefined && { functionArn }) }
  const scope = { accountId: event.accountId, region: config.region }
  const resolved = resolveFunction(catalogue, scope, event.functionName, event.qualifier)
  const targetArn = resolved.ok ? resolved.value.version.deadLetterTargetArn : record?.latest.deadLetterTargetArn
  const sent = targetArn === undefined ? undefined : await targets.send(targetArn, letter)
  if (sent && !sent.ok) {
    const triesSoFar = event.ending ? event.backoffs + 1 : 1
    log.warn({ requestId: event.requestId, targetArn, triesSoFar, reason: sent.error }, 'dead-letter target failed')
    if (triesSoFar < config.deadLetterTries) {
      const next = endLater(
        event,
        ending,
        policyOf(config.retry, record && eventInvokeOf(record, event.qualifier)),
        clock.now(),
      )
      return settle(context, delivery, { kind: 'again', event: { ...event, ...next } })
    }
  }
  const last: DeadLetter = sent && !sent.ok ? { ...letter, targetError: sent.error } : letter
  log.warn(
    { requestId: event.requestId, condition: ending.condition, error: ending.error },
    'event ended as a dead letter',
  )
  return settle(context, delivery, { kind: 'dead', letter: last, end: deadRecord(last, clock.now()) })
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
