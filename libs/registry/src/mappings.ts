import {
  type AwsError,
  type EventSourceMapping,
  functionArn,
  ok,
  type ResolvedFunction,
  type Result,
} from '@weft/contracts'
import { conflict, invalidParameter } from './errors.ts'
import type { CreateMappingInput, UpdateMappingInput } from './inputs.ts'
import { kafkaSettings, updatedKafka } from './kafka-settings.ts'
import { applyOptions, defaultOptions, type MappingRules } from './mapping-options.ts'
import { isKafka, type NamedSource, shapeOf, sourceOf } from './mapping-source.ts'
import type { Scope } from './scope.ts'
import { addTags } from './tags.ts'

/** AWS's StateTransitionReason of every change that a caller asked for. */
const userInitiated = 'USER_INITIATED'

type Target = Pick<EventSourceMapping, 'functionName' | 'qualifier' | 'functionArn'>

const targetOf = (scope: Scope, target: ResolvedFunction): Target => ({
  functionName: target.record.functionName,
  functionArn: functionArn(scope.region, scope.accountId, target.record.functionName, target.qualifier),
  ...(target.qualifier !== undefined && { qualifier: target.qualifier }),
})

/**
 * A new mapping from a source of the account to a function. `others` are the account's mappings.
 * Errors: InvalidParameterValueException, ResourceConflictException.
 */
export function createMapping(
  input: CreateMappingInput,
  target: ResolvedFunction,
  others: readonly EventSourceMapping[],
  rules: MappingRules,
  stamp: { readonly nowMs: number; readonly uuid: string },
): Result<EventSourceMapping, AwsError> {
  const { scope } = rules
  const source = sourceOf(input, scope)
  if (!source.ok) return source
  const { arn, shape } = source.value
  const options = applyOptions(defaultOptions(shape), input, shape, arn, rules)
  if (!options.ok) return options
  const start = startOf(input, source.value)
  if (!start.ok) return start
  const kafka = isKafka(arn)
    ? kafkaSettings(input, input.SelfManagedEventSource !== undefined, stamp.uuid)
    : ok<EventSourceMapping['kafka']>(undefined)
  if (!kafka.ok) return kafka
  const tags = addTags({}, input.Tags ?? {})
  if (!tags.ok) return tags
  const own = targetOf(scope, target)
  const twin = others.find(
    (one) =>
      one.eventSourceArn === arn &&
      one.functionArn === own.functionArn &&
      one.queues?.[0] === input.Queues?.[0] &&
      (!kafka.value || one.filterSubjects[0] === input.Topics?.[0]),
  )
  if (twin)
    return conflict(
      `The event source arn (" ${arn} ") and function (" ${own.functionName} ") provided mapping already exists. Please update or delete the existing mapping with UUID ${twin.uuid}`,
    )
  return ok({
    ...own,
    ...options.value,
    ...start.value,
    uuid: stamp.uuid,
    accountId: scope.accountId,
    eventSourceArn: arn,
    enabled: input.Enabled ?? true,
    filterSubjects: input.Topics ?? [],
    ...(input.Queues && { queues: input.Queues }),
    ...(kafka.value && { kafka: kafka.value }),
    ...(Object.keys(tags.value).length > 0 && { tags: tags.value }),
    state: 'Creating',
    stateTransitionReason: userInitiated,
    lastProcessingResult: 'No records processed',
    lastModifiedMs: stamp.nowMs,
  })
}

/** Where a mapping on a stream begins; a queue has no such place. */
function startOf(
  input: CreateMappingInput,
  { arn, shape }: NamedSource,
): Result<Pick<EventSourceMapping, 'startingPosition' | 'startingPositionTimestampMs'>, AwsError> {
  const { StartingPosition: position, StartingPositionTimestamp: timestamp } = input
  if (shape !== 'stream') {
    if (position !== undefined || timestamp !== undefined)
      return invalidParameter(`Unsupported starting position for arn type: ${arn}`)
    return ok({ startingPosition: 'TRIM_HORIZON' })
  }
  if (position === undefined)
    return invalidParameter(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    )
  const isMqtt = arn.startsWith('arn:aws:mqtt:')
  if (isMqtt ? position !== 'LATEST' : position === 'AT_TIMESTAMP' && arn.startsWith('arn:aws:dynamodb:'))
    return invalidParameter(`Unsupported starting position for arn type: ${arn}`)
  if (position === 'AT_TIMESTAMP' && timestamp === undefined)
    return invalidParameter('StartingPositionTimestamp is required when StartingPosition is AT_TIMESTAMP.')
  if (position !== 'AT_TIMESTAMP' && timestamp !== undefined)
    return invalidParameter('StartingPositionTimestamp is only allowed when StartingPosition is AT_TIMESTAMP.')
  return ok({
    startingPosition: position,
    ...(timestamp !== undefined && { startingPositionTimestampMs: Math.round(timestamp * 1000) }),
  })
}

/** Absent members stay. `target` is given when the function changes. Errors: InvalidParameterValue, ResourceConflict. */
export function updateMapping(
  mapping: EventSourceMapping,
  input: UpdateMappingInput,
  target: ResolvedFunction | undefined,
  rules: MappingRules,
  nowMs: number,
): Result<EventSourceMapping, AwsError> {
  if (mapping.state === 'Deleting') return inTransition()
  const shape = shapeOf(mapping.eventSourceArn) ?? 'stream'
  const options = applyOptions(mapping, input, shape, mapping.eventSourceArn, rules)
  if (!options.ok) return options
  const kafka = mapping.kafka ? updatedKafka(mapping.kafka, input) : ok(undefined)
  if (!kafka.ok) return kafka
  const enabled = input.Enabled ?? mapping.enabled
  return ok({
    ...withoutOptions(mapping),
    ...(target ? targetOf(rules.scope, target) : mapping.qualifier !== undefined && { qualifier: mapping.qualifier }),
    ...options.value,
    ...(kafka.value && { kafka: kafka.value }),
    enabled,
    state: enabled === mapping.enabled ? 'Updating' : enabled ? 'Enabling' : 'Disabling',
    stateTransitionReason: userInitiated,
    lastModifiedMs: nowMs,
  })
}

/** Without what may be absent after an update. */
function withoutOptions(mapping: EventSourceMapping): EventSourceMapping {
  const { qualifier, filters, onFailureArn, parallelizationFactor, tumblingWindowMs, ...others } = mapping
  const { maximumConcurrency, provisionedPollers, ...rest } = others
  return rest
}

/** Marks a mapping for its end: the poller settles what runs, forgets the position and removes the record. */
export function deleteMapping(mapping: EventSourceMapping, nowMs: number): Result<EventSourceMapping, AwsError> {
  if (mapping.state === 'Deleting') return inTransition()
  return ok({
    ...mapping,
    enabled: false,
    state: 'Deleting',
    stateTransitionReason: userInitiated,
    lastModifiedMs: nowMs,
  })
}

const inTransition = (): Result<never, AwsError> =>
  conflict('Cannot update the event source mapping because it is not in a state in which it can be updated.')
