import {
  accountId,
  type EventSourceMapping,
  type FunctionRecord,
  type ResolvedFunction,
  streamArn,
} from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { describeMapping } from './describe.ts'
import type { CreateMappingInput } from './inputs.ts'
import type { MappingRules } from './mapping-options.ts'
import { createMapping, deleteMapping, updateMapping } from './mappings.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const rules: MappingRules = {
  scope,
  filterProblem: (patterns) => (patterns.includes('bad') ? 'Filter is not an object' : undefined),
}
const target = (name: string, qualifier?: string) =>
  ({ record: { functionName: name } as FunctionRecord, ...(qualifier && { qualifier }) }) as ResolvedFunction
const source = streamArn('us-east-1', scope.accountId, 'ORDERS')
const broker = 'arn:aws:mq:us-east-1:123456789012:broker:main'
const topic = 'arn:aws:mqtt:us-east-1:123456789012:topic/hub/sensors/+/temperature'
const table = 'arn:aws:dynamodb:us-east-1:210987654321:table/users/stream/2026-01-01T00:00:00.000'
const queue = 'arn:aws:jetstream:us-east-1:123456789012:queue/JOBS'
const input: CreateMappingInput = { FunctionName: 'f', EventSourceArn: source, StartingPosition: 'TRIM_HORIZON' }
const stamp = { nowMs: 5_000, uuid: 'uuid' }
const create = (change: Partial<CreateMappingInput> = {}, others: readonly EventSourceMapping[] = []) =>
  createMapping({ ...input, ...change }, target('f'), others, rules, stamp)
const created = (change: Partial<CreateMappingInput> = {}): EventSourceMapping => {
  const result = create(change)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

describe('createMapping', () => {
  it('fills in the defaults', () => {
    expect(created()).toEqual({
      uuid: 'uuid',
      accountId: scope.accountId,
      functionName: 'f',
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
      eventSourceArn: source,
      enabled: true,
      batchSize: 100,
      maximumBatchingWindowMs: 0,
      startingPosition: 'TRIM_HORIZON',
      maximumRetryAttempts: -1,
      maximumRecordAgeSeconds: -1,
      bisectBatchOnFunctionError: false,
      reportBatchItemFailures: false,
      filterSubjects: [],
      state: 'Creating',
      stateTransitionReason: 'USER_INITIATED',
      lastProcessingResult: 'No records processed',
      lastModifiedMs: 5_000,
    })
  })

  it('takes what is given', () => {
    expect(
      created({
        Enabled: false,
        MaximumBatchingWindowInSeconds: 2,
        StartingPosition: 'AT_TIMESTAMP',
        StartingPositionTimestamp: 1.5,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        Topics: ['orders.paid'],
      }),
    ).toMatchObject({
      enabled: false,
      maximumBatchingWindowMs: 2_000,
      startingPositionTimestampMs: 1_500,
      reportBatchItemFailures: true,
      filterSubjects: ['orders.paid'],
    })
  })

  it.each<[Partial<CreateMappingInput>, RegExp]>([
    [
      { StartingPosition: undefined },
      /^1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null\.$/,
    ],
    [{ StartingPosition: 'AT_TIMESTAMP' }, /^StartingPositionTimestamp is required/],
    [{ StartingPositionTimestamp: 1 }, /^StartingPositionTimestamp is only allowed/],
    [{ EventSourceArn: undefined }, /^Unrecognized event source\.$/],
    [{ EventSourceArn: 'arn:aws:sns:us-east-1:123456789012:q' }, /^Unrecognized event source, must be/],
    [{ EventSourceArn: 'arn:aws:jetstream:us-east-1:123456789012:subject/x' }, /^Unrecognized event source, must be/],
    [{ EventSourceArn: streamArn('eu-west-1', scope.accountId, 'S') }, /region/],
    [{ EventSourceArn: streamArn('us-east-1', accountId('210987654321'), 'S') }, /another account/],
    [{ ScalingConfig: { MaximumConcurrency: 2 } }, /^Unsupported parameter .*ScalingConfig$/],
    [{ FilterCriteria: { Filters: [{ Pattern: 'bad' }] } }, /^Invalid filter pattern definition\. Filter is not/],
    [{ FilterCriteria: { Filters: Array(6).fill({ Pattern: '{}' }) } }, /length less than or equal to 5$/],
    [{ DestinationConfig: { OnFailure: { Destination: 'x' } } }, /^The destination ARN x is invalid\.$/],
    [{ DestinationConfig: { OnFailure: { Destination: source } } }, /as a destination for itself\.$/],
    [{ Tags: { 'aws:x': '1' } }, /^aws: prefixed/],
    [{ ProvisionedPollerConfig: {} }, /^Unsupported parameter .*ProvisionedPollerConfig$/],
    [{ SelfManagedKafkaEventSourceConfig: {} }, /^Unsupported parameter .*SelfManagedKafkaEventSourceConfig$/],
    [{ SourceAccessConfigurations: [{ Type: 'BASIC_AUTH', URI: 'x' }] }, /^Unsupported parameter/],
    [{ EventSourceArn: queue }, /^Unsupported starting position for arn type/],
    [{ MetricsConfig: {} }, /^MetricsConfig is not served/],
    [{ EventSourceArn: topic }, /^Unsupported starting position/],
    [{ EventSourceArn: table, StartingPosition: 'AT_TIMESTAMP' }, /^Unsupported starting position/],
    [{ Queues: ['q'] }, /^Queues is only supported/],
    [{ EventSourceArn: broker, StartingPosition: undefined }, /^Exactly one queue/],
    [{ EventSourceArn: broker.replace('123456789012', '210987654321'), Queues: ['q'] }, /another account/],
  ])('refuses %j', (change, text) => {
    const result = create(change)
    expect(result.ok ? '' : result.error.message).toMatch(text)
  })

  it('takes the options of streams', () => {
    const options = created({
      FilterCriteria: { Filters: [{ Pattern: '{"data":{"a":[1]}}' }] },
      DestinationConfig: { OnFailure: { Destination: queue } },
      ParallelizationFactor: 4,
      TumblingWindowInSeconds: 30,
      Tags: { team: 'a' },
    })
    expect(options).toMatchObject({
      filters: ['{"data":{"a":[1]}}'],
      onFailureArn: queue,
      parallelizationFactor: 4,
      tumblingWindowMs: 30_000,
      tags: { team: 'a' },
    })
    const shown = describeMapping(options, 'us-east-1')
    expect(shown).toMatchObject({
      FilterCriteria: { Filters: [{ Pattern: '{"data":{"a":[1]}}' }] },
      DestinationConfig: { OnFailure: { Destination: queue } },
      ParallelizationFactor: 4,
      TumblingWindowInSeconds: 30,
    })
    const none = { FilterCriteria: { Filters: [] }, DestinationConfig: { OnFailure: { Destination: '' } } }
    const taken = updateMapping(options, { ...none, TumblingWindowInSeconds: 0 }, undefined, rules, 0)
    for (const option of ['filters', 'onFailureArn', 'tumblingWindowMs'])
      expect(taken.ok && option in taken.value).toBe(false)
    expect(taken).toMatchObject({ value: { parallelizationFactor: 4 } })
  })

  it.each([
    [{ EventSourceArn: 'arn:aws:sqs:eu-west-1:210987654321:jobs', StartingPosition: undefined }, 10],
    [{ EventSourceArn: broker, Queues: ['orders'], StartingPosition: undefined }, 10],
    [{ EventSourceArn: 'arn:aws:redis:us-east-1:123456789012:stream/cache/a key' }, 100],
    [{ EventSourceArn: 'arn:aws:kinesis:us-east-1:210987654321:stream/clicks' }, 100],
    [{ EventSourceArn: table }, 100],
    [{ EventSourceArn: topic, StartingPosition: 'LATEST' as const }, 100],
  ])('takes sources outside the fabric: %j', (change, batchSize) => {
    expect(created(change)).toMatchObject({ batchSize, eventSourceArn: change.EventSourceArn })
  })

  it('of a queue has the defaults and options of queues', () => {
    const ofQueue = { EventSourceArn: queue, StartingPosition: undefined }
    const made = created({ ...ofQueue, ScalingConfig: { MaximumConcurrency: 3 } })
    expect(made).toMatchObject({ batchSize: 10, maximumConcurrency: 3 })
    expect(describeMapping(made, 'us-east-1')).not.toHaveProperty('StartingPosition')
    const text = (change: Partial<CreateMappingInput>) => {
      const result = create({ ...ofQueue, ...change })
      return result.ok ? '' : result.error.message
    }
    expect(text({ BatchSize: 11 })).toBe(
      'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10',
    )
    expect(text({ BatchSize: 11, MaximumBatchingWindowInSeconds: 1 })).toBe('')
    expect(text({ TumblingWindowInSeconds: 1 })).toMatch(/TumblingWindowInSeconds$/)
    expect(text({ EventSourceArn: `${queue}_fifo`, MaximumBatchingWindowInSeconds: 1 })).toMatch(/FIFO/)
    const freed = updateMapping(made, { ScalingConfig: {} }, undefined, rules, 0)
    expect(freed.ok && 'maximumConcurrency' in freed.value).toBe(false)
  })

  it('refuses a second mapping of the same stream and function', () => {
    expect(create({}, [created()])).toMatchObject({ error: { code: 'ResourceConflictException' } })
    expect(createMapping(input, target('f', '$LATEST'), [created()], rules, stamp).ok).toBe(true)
  })
})

describe('changes', () => {
  it('keep what is not given and name the way they go', () => {
    const mapping = created({ MaximumBatchingWindowInSeconds: 3 })
    const state = (change: Parameters<typeof updateMapping>[1], of = mapping) => {
      const result = updateMapping(of, change, undefined, rules, 9_000)
      return result.ok ? result.value : undefined
    }
    expect(state({ BatchSize: 5 })).toEqual({ ...mapping, batchSize: 5, state: 'Updating', lastModifiedMs: 9_000 })
    expect(state({ Enabled: false })?.state).toBe('Disabling')
    expect(state({ Enabled: true }, { ...mapping, enabled: false })?.state).toBe('Enabling')
    const moved = updateMapping({ ...mapping, qualifier: '$LATEST' }, {}, target('g'), rules, 0)
    expect(moved).toMatchObject({ value: { functionName: 'g' } })
    expect(moved.ok && 'qualifier' in moved.value).toBe(false)
  })

  it('end a mapping once', () => {
    const deleted = deleteMapping(created(), 9_000)
    expect(deleted).toMatchObject({ value: { state: 'Deleting', enabled: false } })
    if (!deleted.ok) return
    expect(deleteMapping(deleted.value, 0)).toMatchObject({ error: { code: 'ResourceConflictException' } })
    expect(updateMapping(deleted.value, {}, undefined, rules, 0).ok).toBe(false)
  })

  it('are told in epoch seconds', () => {
    expect(describeMapping(created(), 'us-east-1')).toMatchObject({
      UUID: 'uuid',
      EventSourceMappingArn: 'arn:aws:lambda:us-east-1:123456789012:event-source-mapping:uuid',
      LastModified: 5,
    })
  })
})
