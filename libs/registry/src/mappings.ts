import {
  type AwsError,
  type EventSourceMapping,
  functionArn,
  limits,
  ok,
  parseJetStreamArn,
  type ResolvedFunction,
  type Result,
} from '@weft/contracts'
import { conflict, invalidParameter, notServed } from './errors.ts'
import type { CreateMappingInput, UpdateMappingInput } from './inputs.ts'
import type { Scope } from './scope.ts'

/** AWS's StateTransitionReason of every change that a caller asked for. */
const userInitiated = 'USER_INITIATED'

type Target = Pick<EventSourceMapping, 'functionName' | 'qualifier' | 'functionArn'>

const targetOf = (scope: Scope, target: ResolvedFunction): Target => ({
  functionName: target.record.functionName,
  functionArn: functionArn(scope.region, scope.accountId, target.record.functionName, target.qualifier),
  ...(target.qualifier !== undefined && { qualifier: target.qualifier }),
})

/**
 * A new mapping from a JetStream stream of the account to a function. `others` are the account's mappings.
 * Errors: InvalidParameterValueException, ResourceConflictException.
 */
export function createMapping(
  input: CreateMappingInput,
  target: ResolvedFunction,
  others: readonly EventSourceMapping[],
  scope: Scope,
  stamp: { readonly nowMs: number; readonly uuid: string },
): Result<EventSourceMapping, AwsError> {
  const source = sourceArn(input, scope)
  if (!source.ok) return source
  const problem = checkUnserved(input)
  if (problem) return problem
  if (input.Tags && Object.keys(input.Tags).length > 0) return notServed('Tags of an event source mapping')
  const position = input.StartingPosition
  if (position === undefined)
    return invalidParameter(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    )
  const timestamp = input.StartingPositionTimestamp
  if (position === 'AT_TIMESTAMP' && timestamp === undefined)
    return invalidParameter('StartingPositionTimestamp is required when StartingPosition is AT_TIMESTAMP.')
  if (position !== 'AT_TIMESTAMP' && timestamp !== undefined)
    return invalidParameter('StartingPositionTimestamp is only allowed when StartingPosition is AT_TIMESTAMP.')
  const own = targetOf(scope, target)
  const twin = others.find((one) => one.eventSourceArn === source.value && one.functionArn === own.functionArn)
  if (twin)
    return conflict(
      `The event source arn (" ${source.value} ") and function (" ${own.functionName} ") provided mapping already exists. Please update or delete the existing mapping with UUID ${twin.uuid}`,
    )
  const enabled = input.Enabled ?? true
  const defaults = limits.mapping
  return ok({
    ...own,
    uuid: stamp.uuid,
    accountId: scope.accountId,
    eventSourceArn: source.value,
    enabled,
    batchSize: input.BatchSize ?? defaults.batchSize.default,
    maximumBatchingWindowMs:
      (input.MaximumBatchingWindowInSeconds ?? defaults.maximumBatchingWindowSeconds.default) * 1000,
    startingPosition: position,
    ...(timestamp !== undefined && { startingPositionTimestampMs: Math.round(timestamp * 1000) }),
    maximumRetryAttempts: input.MaximumRetryAttempts ?? defaults.maximumRetryAttempts.default,
    maximumRecordAgeSeconds: input.MaximumRecordAgeInSeconds ?? defaults.maximumRecordAgeSeconds.default,
    bisectBatchOnFunctionError: input.BisectBatchOnFunctionError ?? false,
    reportBatchItemFailures: reportsItems(input.FunctionResponseTypes) ?? false,
    filterSubjects: input.Topics ?? [],
    state: 'Creating',
    stateTransitionReason: userInitiated,
    lastProcessingResult: 'No records processed',
    lastModifiedMs: stamp.nowMs,
  })
}

/** Absent members stay. `target` is given when the function changes. Errors: InvalidParameterValue, ResourceConflict. */
export function updateMapping(
  mapping: EventSourceMapping,
  input: UpdateMappingInput,
  target: ResolvedFunction | undefined,
  scope: Scope,
  nowMs: number,
): Result<EventSourceMapping, AwsError> {
  if (mapping.state === 'Deleting') return inTransition()
  const problem = checkUnserved(input)
  if (problem) return problem
  const enabled = input.Enabled ?? mapping.enabled
  const { qualifier: _replaced, ...unqualified } = mapping
  return ok({
    ...(target ? { ...unqualified, ...targetOf(scope, target) } : mapping),
    enabled,
    batchSize: input.BatchSize ?? mapping.batchSize,
    maximumBatchingWindowMs:
      input.MaximumBatchingWindowInSeconds === undefined
        ? mapping.maximumBatchingWindowMs
        : input.MaximumBatchingWindowInSeconds * 1000,
    maximumRetryAttempts: input.MaximumRetryAttempts ?? mapping.maximumRetryAttempts,
    maximumRecordAgeSeconds: input.MaximumRecordAgeInSeconds ?? mapping.maximumRecordAgeSeconds,
    bisectBatchOnFunctionError: input.BisectBatchOnFunctionError ?? mapping.bisectBatchOnFunctionError,
    reportBatchItemFailures: reportsItems(input.FunctionResponseTypes) ?? mapping.reportBatchItemFailures,
    state: enabled === mapping.enabled ? 'Updating' : enabled ? 'Enabling' : 'Disabling',
    stateTransitionReason: userInitiated,
    lastModifiedMs: nowMs,
  })
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

function sourceArn(input: CreateMappingInput, scope: Scope): Result<string, AwsError> {
  if (input.EventSourceArn === undefined || input.SelfManagedEventSource)
    return invalidParameter('Unrecognized event source.')
  const arn = parseJetStreamArn(input.EventSourceArn)
  if (!arn.ok || arn.value.kind !== 'stream')
    return invalidParameter(
      `Unrecognized event source, must be a JetStream stream: arn:aws:jetstream:${scope.region}:${scope.accountId}:stream/NAME`,
    )
  if (arn.value.region !== scope.region)
    return invalidParameter(`The event source must be in the region of the function, ${scope.region}.`)
  if (arn.value.accountId !== scope.accountId) return invalidParameter('The event source belongs to another account.')
  return ok(input.EventSourceArn)
}

function checkUnserved(input: UpdateMappingInput & CreateOnly): Result<never, AwsError> | undefined {
  if (input.ParallelizationFactor !== undefined && input.ParallelizationFactor !== 1)
    return notServed('A ParallelizationFactor other than 1')
  if (input.TumblingWindowInSeconds) return notServed('TumblingWindowInSeconds')
  if (input.FilterCriteria?.Filters?.length) return notServed('FilterCriteria')
  if (input.DestinationConfig?.OnFailure?.Destination) return notServed('DestinationConfig')
  if (input.ScalingConfig?.MaximumConcurrency !== undefined) return notServed('ScalingConfig')
  const unserved = [
    'KMSKeyArn',
    'MetricsConfig',
    'LoggingConfig',
    'ProvisionedPollerConfig',
    'AmazonManagedKafkaEventSourceConfig',
    'SelfManagedKafkaEventSourceConfig',
    'DocumentDBEventSourceConfig',
  ] as const
  const found = unserved.find((member) => input[member] !== undefined)
  if (found) return notServed(found)
  if (input.SourceAccessConfigurations?.length) return notServed('SourceAccessConfigurations')
  return input.Queues?.length ? notServed('Queues') : undefined
}

type CreateOnly = Pick<CreateMappingInput, 'Queues'>

const reportsItems = (types: readonly string[] | undefined): boolean | undefined =>
  types?.includes('ReportBatchItemFailures')
