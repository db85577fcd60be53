import { type EventEndRecord, headers } from '@weft/contracts'
import type { HeaderValues } from './envelope.ts'
import { type EndCondition, errorLine, type QueuedEvent, type SettledTarget, type TargetRole } from './event.ts'
import type { Ending } from './retry.ts'

/**
 * An event that ended without success. As on AWS, the message is the raw event, and what became of it stands in
 * attributes: `RequestID`, `ErrorCode` (200 for a function error), `ErrorMessage` (its first KB); Weft adds the
 * condition, the number of runs and the function.
 */
export interface DeadLetter {
  readonly event: QueuedEvent
  readonly ending: Ending
  /** With the qualifier the event was sent to; absent when no function is known by the name. */
  readonly functionArn?: string
  /** Why the function's own dead-letter target did not get the event. */
  readonly targetError?: string
}

export const deadLetterHeaders = ({ event, ending, functionArn, targetError }: DeadLetter): HeaderValues => ({
  [headers.deadRequestId]: event.requestId,
  [headers.deadErrorCode]: `${ending.error.code}`,
  [headers.deadErrorMessage]: ending.error.message,
  [headers.deadCondition]: ending.condition,
  [headers.deadAttempts]: `${ending.runs}`,
  [headers.acceptedAt]: `${event.acceptedAtMs}`,
  ...(functionArn !== undefined && { [headers.deadFunctionArn]: functionArn }),
  ...(targetError !== undefined && { [headers.deadTargetError]: errorLine(targetError) }),
  ...(event.traceHeader !== undefined && { [headers.traceId]: event.traceHeader }),
  ...(event.traceparent !== undefined && { [headers.traceparent]: event.traceparent }),
})

/** What is recorded of an event's end; exactly once. */
export function endRecord(
  event: Pick<QueuedEvent, 'requestId' | 'accountId' | 'functionName' | 'acceptedAtMs'>,
  ending: Pick<Ending, 'condition' | 'runs'>,
  settled: readonly SettledTarget[],
  now: number,
): EventEndRecord {
  const errorOf = (role: TargetRole): string | undefined => settled.find((one) => one.role === role)?.error
  const deadLetterError = errorOf('dead-letter')
  const destinationError = errorOf('destination')
  return {
    requestId: event.requestId,
    accountId: event.accountId,
    functionName: event.functionName,
    end: endOf(ending.condition),
    condition: ending.condition,
    attempts: ending.runs,
    acceptedAtMs: event.acceptedAtMs,
    endedAtMs: now,
    ...(deadLetterError !== undefined && { deadLetterError }),
    ...(destinationError !== undefined && { destinationError }),
  }
}

const endOf = (condition: EndCondition): EventEndRecord['end'] =>
  condition === 'Success'
    ? 'succeeded'
    : condition === 'Cancelled'
      ? 'cancelled'
      : condition === 'EventAgeExceeded'
        ? 'aged-out'
        : 'dead-lettered'
