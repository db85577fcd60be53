import { type AwsError, type EventInvokeSettings, type FunctionRecord, LATEST, ok, type Result } from '@weft/contracts'
import { invalidParameter } from './errors.ts'
import type { EventInvokeInput } from './inputs.ts'
import { checkDestination, type TargetRules } from './targets.ts'

/** Settings of the events for a qualifier; absent and `$LATEST` are the same. None are handed down to another. */
export function eventInvokeOf(record: FunctionRecord, qualifier = LATEST): EventInvokeSettings | undefined {
  if (qualifier === LATEST) return record.eventInvoke
  const all = record.qualifiedEventInvoke ?? {}
  return Object.hasOwn(all, qualifier) ? all[qualifier] : undefined
}

/** The function with other settings for a qualifier, or with none. */
export function withEventInvoke(
  record: FunctionRecord,
  qualifier: string,
  settings: EventInvokeSettings | undefined,
): FunctionRecord {
  const { eventInvoke, qualifiedEventInvoke, ...rest } = record
  const ofLatest = qualifier === LATEST ? settings : eventInvoke
  const others = Object.entries(qualifiedEventInvoke ?? {}).filter(([name]) => name !== qualifier)
  if (qualifier !== LATEST && settings) others.push([qualifier, settings])
  return {
    ...rest,
    ...(ofLatest && { eventInvoke: ofLatest }),
    ...(others.length > 0 && { qualifiedEventInvoke: Object.fromEntries(others) }),
  }
}

/** Qualifiers that have settings: `$LATEST` first, the others in order of name. */
export const eventInvokeQualifiers = (record: FunctionRecord): readonly string[] => [
  ...(record.eventInvoke ? [LATEST] : []),
  ...Object.keys(record.qualifiedEventInvoke ?? {}).sort(),
]

/**
 * The settings a request asks for; `base` is what they are merged into (Update) or empty (Put). An empty destination
 * takes away what was there.
 */
export function applyEventInvoke(
  base: EventInvokeSettings,
  input: EventInvokeInput,
  rules: TargetRules,
): Result<EventInvokeSettings, AwsError> {
  const onSuccess = destinationOf(base.onSuccessArn, input.DestinationConfig?.OnSuccess?.Destination, rules)
  if (!onSuccess.ok) return onSuccess
  const onFailure = destinationOf(base.onFailureArn, input.DestinationConfig?.OnFailure?.Destination, {
    ...rules,
    buckets: true,
  })
  if (!onFailure.ok) return onFailure
  const { onSuccessArn: _success, onFailureArn: _failure, ...rest } = base
  const next = {
    ...rest,
    ...(onSuccess.value !== undefined && { onSuccessArn: onSuccess.value }),
    ...(onFailure.value !== undefined && { onFailureArn: onFailure.value }),
    ...(input.MaximumRetryAttempts !== undefined && { maximumRetryAttempts: input.MaximumRetryAttempts }),
    ...(input.MaximumEventAgeInSeconds !== undefined && { maximumEventAgeSeconds: input.MaximumEventAgeInSeconds }),
  }
  if (Object.keys(next).length === 0 && !input.DestinationConfig)
    return invalidParameter(
      'You must specify at least one of the following: maximumRetryAttempts, maximumEventAge, or DestinationConfig.',
    )
  return ok(next)
}

function destinationOf(
  base: string | undefined,
  wanted: string | undefined,
  rules: TargetRules,
): Result<string | undefined, AwsError> {
  if (wanted === undefined) return ok(base)
  return wanted === '' ? ok(undefined) : checkDestination(wanted, rules)
}
