import { type AwsError, type EventSourceMapping, limits, ok, type Result } from '@weft/contracts'
import { invalidParameter, notServed } from './errors.ts'
import type { UpdateMappingInput } from './inputs.ts'
import { refuseKafka } from './kafka-settings.ts'
import { isKafka, type SourceShape } from './mapping-source.ts'
import { pollersAfter } from './provisioned-pollers.ts'
import type { Scope } from './scope.ts'
import { checkDestination } from './targets.ts'

/** What the rules of mappings ask of others. */
export interface MappingRules {
  readonly scope: Scope
  /** What is wrong with the patterns of FilterCriteria; undefined: nothing. */
  readonly filterProblem: (patterns: readonly string[]) => string | undefined
}

type Input = UpdateMappingInput

/** The part of a mapping that its options decide. */
export type MappingOptions = Pick<
  EventSourceMapping,
  | 'batchSize'
  | 'maximumBatchingWindowMs'
  | 'maximumRetryAttempts'
  | 'maximumRecordAgeSeconds'
  | 'bisectBatchOnFunctionError'
  | 'reportBatchItemFailures'
  | 'filters'
  | 'onFailureArn'
  | 'parallelizationFactor'
  | 'tumblingWindowMs'
  | 'maximumConcurrency'
  | 'provisionedPollers'
>

export const defaultOptions = (shape: SourceShape): MappingOptions => ({
  batchSize: shape === 'stream' ? limits.mapping.batchSize.default : limits.mapping.queueBatchSize.default,
  maximumBatchingWindowMs: limits.mapping.maximumBatchingWindowSeconds.default * 1000,
  maximumRetryAttempts: limits.mapping.maximumRetryAttempts.default,
  maximumRecordAgeSeconds: limits.mapping.maximumRecordAgeSeconds.default,
  bisectBatchOnFunctionError: false,
  reportBatchItemFailures: false,
})

/**
 * Lays what a request gives over options; absent members stay, an empty destination or list of filters takes away what was
 * there. `sourceArn` is the mapping's. Errors: InvalidParameterValueException.
 */
export function applyOptions(
  base: MappingOptions,
  input: Input,
  shape: SourceShape,
  sourceArn: string,
  rules: MappingRules,
): Result<MappingOptions, AwsError> {
  const problem = checkUnserved(input) ?? checkShape(input, shape, sourceArn)
  if (problem) return problem
  const filters = filtersOf(base.filters, input.FilterCriteria, rules)
  if (!filters.ok) return filters
  const onFailure = destinationOf(base.onFailureArn, input.DestinationConfig?.OnFailure?.Destination, sourceArn, rules)
  if (!onFailure.ok) return onFailure
  const factor = input.ParallelizationFactor ?? base.parallelizationFactor
  const tumblingWindowMs = secondsOr(input.TumblingWindowInSeconds, base.tumblingWindowMs)
  const concurrency = input.ScalingConfig ? input.ScalingConfig.MaximumConcurrency : base.maximumConcurrency
  const pollers = pollersAfter(base.provisionedPollers, input, sourceArn, concurrency !== undefined)
  if (!pollers.ok) return pollers
  const next: MappingOptions = {
    batchSize: input.BatchSize ?? base.batchSize,
    maximumBatchingWindowMs: secondsOr(input.MaximumBatchingWindowInSeconds, base.maximumBatchingWindowMs) ?? 0,
    maximumRetryAttempts: input.MaximumRetryAttempts ?? base.maximumRetryAttempts,
    maximumRecordAgeSeconds: input.MaximumRecordAgeInSeconds ?? base.maximumRecordAgeSeconds,
    bisectBatchOnFunctionError: input.BisectBatchOnFunctionError ?? base.bisectBatchOnFunctionError,
    reportBatchItemFailures:
      input.FunctionResponseTypes?.includes('ReportBatchItemFailures') ?? base.reportBatchItemFailures,
    ...(filters.value && { filters: filters.value }),
    ...(onFailure.value !== undefined && { onFailureArn: onFailure.value }),
    ...(factor !== undefined && factor > 1 && { parallelizationFactor: factor }),
    ...(tumblingWindowMs ? { tumblingWindowMs } : {}),
    ...(concurrency !== undefined && { maximumConcurrency: concurrency }),
    ...(pollers.value && { provisionedPollers: pollers.value }),
  }
  return checkBatch(next, shape) ?? ok(next)
}

const secondsOr = (seconds: number | undefined, base: number | undefined): number | undefined =>
  seconds === undefined ? base : seconds * 1000

function checkBatch(options: MappingOptions, shape: SourceShape): Result<never, AwsError> | undefined {
  const { unwindowed } = limits.mapping.queueBatchSize
  if (shape === 'fifo' && options.maximumBatchingWindowMs > 0)
    return invalidParameter('Batching window is not supported for FIFO queues.')
  if (shape === 'fifo' && options.batchSize > unwindowed)
    return invalidParameter(`Batch size must be less than or equal to ${unwindowed} for FIFO queues.`)
  if (shape === 'queue' && options.batchSize > unwindowed && options.maximumBatchingWindowMs === 0)
    return invalidParameter(
      `Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than ${unwindowed}`,
    )
  return undefined
}

function checkShape(input: Input, shape: SourceShape, sourceArn: string): Result<never, AwsError> | undefined {
  const unsupported = (member: string): Result<never, AwsError> =>
    invalidParameter(`Unsupported parameter for the event source type: ${member}`)
  if (!isKafka(sourceArn)) {
    const kafkaOnly = refuseKafka(input)
    if (kafkaOnly) return kafkaOnly
  } else if (input.ParallelizationFactor !== undefined) return unsupported('ParallelizationFactor')
  else if (input.TumblingWindowInSeconds) return unsupported('TumblingWindowInSeconds')
  if (shape === 'stream') return input.ScalingConfig?.MaximumConcurrency ? unsupported('ScalingConfig') : undefined
  if (input.BisectBatchOnFunctionError) return unsupported('BisectBatchOnFunctionError')
  if (input.ParallelizationFactor !== undefined) return unsupported('ParallelizationFactor')
  return input.TumblingWindowInSeconds ? unsupported('TumblingWindowInSeconds') : undefined
}

function filtersOf(
  base: readonly string[] | undefined,
  criteria: Input['FilterCriteria'],
  { filterProblem }: MappingRules,
): Result<readonly string[] | undefined, AwsError> {
  if (criteria === undefined) return ok(base)
  const patterns = (criteria.Filters ?? []).map((filter) => filter.Pattern ?? '{}')
  if (patterns.length === 0) return ok(undefined)
  if (patterns.length > limits.mapping.filters)
    return invalidParameter(
      `1 validation error detected: Value at 'filterCriteria.filters' failed to satisfy constraint: Member must have length less than or equal to ${limits.mapping.filters}`,
    )
  const problem = filterProblem(patterns)
  return problem === undefined ? ok(patterns) : invalidParameter(`Invalid filter pattern definition. ${problem}`)
}

function destinationOf(
  base: string | undefined,
  wanted: string | undefined,
  sourceArn: string,
  { scope }: MappingRules,
): Result<string | undefined, AwsError> {
  if (wanted === undefined) return ok(base)
  if (wanted === '') return ok(undefined)
  if (wanted === sourceArn) return invalidParameter("You can't specify the event source as a destination for itself.")
  return checkDestination(wanted, { scope, functionExists: () => false, buckets: true })
}

function checkUnserved(input: Input): Result<never, AwsError> | undefined {
  const unserved = ['KMSKeyArn', 'MetricsConfig', 'LoggingConfig', 'DocumentDBEventSourceConfig'] as const
  const found = unserved.find((member) => input[member] !== undefined)
  return found && notServed(found)
}
