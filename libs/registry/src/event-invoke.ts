import { type AwsError, type FunctionRecord, ok, type Result } from '@weft/contracts'
import { invalidParameter, notServed } from './errors.ts'
import type { EventInvokeInput } from './inputs.ts'

type EventInvoke = NonNullable<FunctionRecord['eventInvoke']>

/** The settings a request asks for; `base` is what they are merged into (Update) or empty (Put). */
export function applyEventInvoke(base: EventInvoke, input: EventInvokeInput): Result<EventInvoke, AwsError> {
  if (input.DestinationConfig?.OnSuccess?.Destination) return notServed('DestinationConfig.OnSuccess')
  if (input.DestinationConfig?.OnFailure?.Destination) return notServed('DestinationConfig.OnFailure')
  const next = {
    ...base,
    ...(input.MaximumRetryAttempts !== undefined && { maximumRetryAttempts: input.MaximumRetryAttempts }),
    ...(input.MaximumEventAgeInSeconds !== undefined && { maximumEventAgeSeconds: input.MaximumEventAgeInSeconds }),
  }
  if (Object.keys(next).length === 0 && !input.DestinationConfig)
    return invalidParameter(
      'You must specify at least one of the following: maximumRetryAttempts, maximumEventAge, or DestinationConfig.',
    )
  return ok(next)
}
