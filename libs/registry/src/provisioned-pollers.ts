import { type AwsError, type EventSourceMapping, limits, ok, type Result } from '@weft/contracts'
import { invalidParameter, notServed } from './errors.ts'
import type { UpdateMappingInput } from './inputs.ts'

type Pollers = EventSourceMapping['provisionedPollers']

/** Sources that have provisioned pollers on AWS (API reference, ProvisionedPollerConfig). */
const pollersOf = (sourceArn: string) =>
  sourceArn.startsWith('arn:aws:kafka:')
    ? limits.mapping.pollers.kafka
    : sourceArn.startsWith('arn:aws:sqs:')
      ? limits.mapping.pollers.sqs
      : undefined

/**
 * Pollers of a mapping after a request: an absent member leaves them, an empty object ends provisioned mode. `hasConcurrency`:
 * it has a MaximumConcurrency. Errors: InvalidParameterValueException.
 */
export function pollersAfter(
  base: Pollers,
  input: UpdateMappingInput,
  sourceArn: string,
  hasConcurrency: boolean,
): Result<Pollers, AwsError> {
  const wanted = input.ProvisionedPollerConfig
  if (wanted === undefined) return base && hasConcurrency ? either() : ok(base)
  const range = pollersOf(sourceArn)
  if (range === undefined)
    return invalidParameter('Unsupported parameter for the event source type: ProvisionedPollerConfig')
  if (wanted.PollerGroupName !== undefined) return notServed('PollerGroupName')
  if (wanted.MinimumPollers === undefined && wanted.MaximumPollers === undefined) return ok(undefined)
  if (hasConcurrency) return either()
  const minimum = wanted.MinimumPollers ?? Math.min(range.least, wanted.MaximumPollers ?? range.least)
  const maximum = wanted.MaximumPollers ?? Math.max(range.usual, minimum)
  if (minimum < range.least || maximum < range.least)
    return invalidParameter(`MinimumPollers and MaximumPollers must be at least ${range.least} for this event source.`)
  if (minimum > maximum) return invalidParameter('MinimumPollers must be less than or equal to MaximumPollers.')
  return ok({ minimum, maximum })
}

const either = (): Result<never, AwsError> =>
  invalidParameter('You cannot specify both ScalingConfig and ProvisionedPollerConfig for the event source mapping.')
