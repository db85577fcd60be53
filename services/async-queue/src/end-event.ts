import {
  type DeadLetter,
  deadLetterHeaders,
  destinationRecord,
  type Ending,
  endLater,
  endRecord,
  errorLine,
  type QueuedEvent,
  type RunResponse,
  type SettledTarget,
  type Settlement,
  type TargetMessage,
  type TargetRole,
} from '@weft/delivery'
import { eventInvokeOf, resolveFunction } from '@weft/registry'
import type { RunContext } from './run-event.ts'
import { endTracked } from './track-event.ts'

interface Target {
  readonly role: TargetRole
  readonly arn: string
}

/**
 * Tells the targets of an event that ended, then gives its settlement: the end, or another try later for targets that
 * did not take it. After so many tries a target is given up, which its end record says.
 */
export async function endEvent(
  context: RunContext,
  event: QueuedEvent,
  ending: Ending,
  response: RunResponse | undefined,
): Promise<Settlement> {
  const { clock, log, config } = context
  if (!event.ending) await endTracked(context, event, ending, response)
  const triesSoFar = event.ending ? event.backoffs + 1 : 1
  const settled: SettledTarget[] = [...(event.settledTargets ?? [])]
  let open = 0
  for (const target of targetsOf(context, event, ending)) {
    if (settled.some((one) => one.role === target.role)) continue
    const sent = await context.targets.send(target.arn, messageFor(context, target, event, ending, response))
    if (sent.ok) {
      settled.push({ role: target.role })
      continue
    }
    const { reason, permanent } = sent.error
    const givenUp = permanent || triesSoFar >= config.deadLetterTries
    log.warn({ requestId: event.requestId, ...target, triesSoFar, reason, givenUp }, 'a target did not take an event')
    if (givenUp) settled.push({ role: target.role, error: errorLine(reason) })
    else open++
  }
  if (open > 0) {
    const next = endLater(event, ending, config.retry, clock.now())
    return {
      kind: 'again',
      event: { ...event, ...next, ...(response && { response }), settledTargets: settled },
    }
  }
  const end = endRecord(event, ending, settled, clock.now())
  if (ending.condition === 'Success' || ending.condition === 'Cancelled') return { kind: 'done', end }
  const { requestId } = event
  log.warn({ requestId, condition: ending.condition, error: ending.error }, 'event ended as a dead letter')
  return { kind: 'dead', letter: letterOf(context, event, ending, settled), end }
}

function targetsOf({ catalogue, config }: RunContext, event: QueuedEvent, ending: Ending): readonly Target[] {
  const record = catalogue.function(event.accountId, event.functionName)
  if (!record) return []
  const settings = eventInvokeOf(record, event.qualifier)
  const target = (role: TargetRole, arn: string | undefined): readonly Target[] =>
    arn === undefined ? [] : [{ role, arn }]
  if (ending.condition === 'Cancelled') return []
  if (ending.condition === 'Success') return target('destination', settings?.onSuccessArn)
  const scope = { accountId: event.accountId, region: config.region }
  const resolved = resolveFunction(catalogue, scope, event.functionName, event.qualifier)
  const { deadLetterTargetArn } = resolved.ok ? resolved.value.version : record.latest
  return [...target('dead-letter', deadLetterTargetArn), ...target('destination', settings?.onFailureArn)]
}

function messageFor(
  context: RunContext,
  { role }: Target,
  event: QueuedEvent,
  ending: Ending,
  response: RunResponse | undefined,
): TargetMessage {
  const common = {
    accountId: event.accountId,
    functionName: event.functionName,
    messageId: `${role}-${event.requestId}`,
    ...(event.traceHeader !== undefined && { traceHeader: event.traceHeader }),
  }
  if (role === 'dead-letter') {
    const letter = letterOf(context, event, ending, [])
    return { ...common, payload: event.payload, headers: deadLetterHeaders(letter) }
  }
  const functionArn = `${functionArnOf(context, event)}:${response?.executedVersion ?? event.qualifier ?? '$LATEST'}`
  const record = destinationRecord({ event, ending, functionArn, ...(response && { response }) }, context.clock.now())
  return { ...common, payload: record, headers: {} }
}

function letterOf(
  context: RunContext,
  event: QueuedEvent,
  ending: Ending,
  settled: readonly SettledTarget[],
): DeadLetter {
  const arn = functionArnOf(context, event)
  const targetError = settled.find(({ role }) => role === 'dead-letter')?.error
  return {
    event,
    ending,
    ...(arn !== undefined && { functionArn: event.qualifier === undefined ? arn : `${arn}:${event.qualifier}` }),
    ...(targetError !== undefined && { targetError }),
  }
}

const functionArnOf = ({ catalogue }: RunContext, event: QueuedEvent): string | undefined =>
  catalogue.function(event.accountId, event.functionName)?.functionArn
