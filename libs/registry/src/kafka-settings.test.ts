import { accountId, type EventSourceMapping, type FunctionRecord, type ResolvedFunction } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { describeMapping } from './describe.ts'
import type { CreateMappingInput, UpdateMappingInput } from './inputs.ts'
import { createMapping, updateMapping } from './mappings.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const rules = { scope, filterProblem: () => undefined }
const target = { record: { functionName: 'f' } as FunctionRecord } as ResolvedFunction
const selfManaged: CreateMappingInput = {
  FunctionName: 'f',
  SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ['b:9092', 'a:9092'] } },
  Topics: ['orders'],
  StartingPosition: 'TRIM_HORIZON',
}
const { SelfManagedEventSource: _, ...rest } = selfManaged
const managed: CreateMappingInput = {
  ...rest,
  EventSourceArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/sales/abcd-1',
}
const create = (input: CreateMappingInput, others: readonly EventSourceMapping[] = []) =>
  createMapping(input, target, others, rules, { nowMs: 5_000, uuid: 'uuid' })
const created = (input: CreateMappingInput): EventSourceMapping => {
  const result = create(input)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const update = (mapping: EventSourceMapping, input: UpdateMappingInput) =>
  updateMapping(mapping, input, undefined, rules, 6_000)
const uri = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka'

describe('a mapping on Kafka', () => {
  it('names its brokers, and is described as on AWS', () => {
    const mapping = created({
      ...selfManaged,
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'billing' },
      SourceAccessConfigurations: [{ Type: 'SASL_SCRAM_256_AUTH', URI: uri }],
      BisectBatchOnFunctionError: true,
      ProvisionedPollerConfig: { MaximumPollers: 4 },
    })
    expect(mapping).toMatchObject({
      filterSubjects: ['orders'],
      kafka: {
        bootstrapServers: ['b:9092', 'a:9092'],
        consumerGroupId: 'billing',
        access: [{ type: 'SASL_SCRAM_256_AUTH', uri }],
      },
      provisionedPollers: { minimum: 1, maximum: 4 },
    })
    const described = describeMapping(mapping, 'us-east-1')
    expect(described).toMatchObject({
      SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ['b:9092', 'a:9092'] } },
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'billing' },
      SourceAccessConfigurations: [{ Type: 'SASL_SCRAM_256_AUTH', URI: uri }],
      ProvisionedPollerConfig: { MinimumPollers: 1, MaximumPollers: 4 },
      StartingPosition: 'TRIM_HORIZON',
      Topics: ['orders'],
    })
    expect(described).not.toHaveProperty('EventSourceArn')
    expect(described).not.toHaveProperty('ParallelizationFactor')
  })

  it('names a cluster by its ARN, with a group of its own where none is wished', () => {
    const mapping = created(managed)
    expect(mapping.kafka).toEqual({ consumerGroupId: 'uuid', access: [] })
    expect(describeMapping(mapping, 'us-east-1')).toMatchObject({
      EventSourceArn: managed.EventSourceArn,
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: 'uuid' },
    })
  })

  it('is there once for a function, its brokers and a topic', () => {
    const mapping = created(selfManaged)
    const same = { SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ['a:9092', 'b:9092'] } } }
    expect(create({ ...selfManaged, ...same }, [mapping])).toMatchObject({
      error: { code: 'ResourceConflictException' },
    })
    expect(create({ ...selfManaged, Topics: ['others'] }, [mapping]).ok).toBe(true)
  })

  it.each<[CreateMappingInput, RegExp]>([
    [{ ...selfManaged, Topics: [] }, /^Exactly one topic/],
    [{ ...selfManaged, Topics: ['a', 'b'] }, /^Exactly one topic/],
    [{ ...selfManaged, EventSourceArn: 'arn:aws:kafka:x' }, /^Unrecognized event source/],
    [{ ...selfManaged, AmazonManagedKafkaEventSourceConfig: {} }, /^Unsupported parameter .*AmazonManagedKafka/],
    [{ ...managed, SelfManagedKafkaEventSourceConfig: {} }, /^Unsupported parameter .*SelfManagedKafka/],
    [{ ...managed, SourceAccessConfigurations: [{ Type: 'BASIC_AUTH', URI: uri }] }, /^Invalid source access/],
    [{ ...selfManaged, SourceAccessConfigurations: [{ Type: 'VPC_SUBNET', URI: 'subnet:x' }] }, /VPC_SUBNET$/],
    [{ ...selfManaged, SourceAccessConfigurations: [{ Type: 'BASIC_AUTH' }] }, /needs the URI/],
    [
      {
        ...selfManaged,
        SourceAccessConfigurations: [
          { Type: 'BASIC_AUTH', URI: uri },
          { Type: 'SASL_SCRAM_512_AUTH', URI: uri },
        ],
      },
      /^Only one of/,
    ],
    [{ ...selfManaged, SelfManagedKafkaEventSourceConfig: { SchemaRegistryConfig: {} } }, /SchemaRegistryConfig/],
    [{ ...selfManaged, SelfManagedKafkaEventSourceConfig: { ConsumptionMode: 'x' } }, /ConsumptionMode/],
    [{ ...selfManaged, ParallelizationFactor: 2 }, /ParallelizationFactor$/],
    [{ ...selfManaged, TumblingWindowInSeconds: 2 }, /TumblingWindowInSeconds$/],
    [{ ...selfManaged, ProvisionedPollerConfig: { MinimumPollers: 3, MaximumPollers: 2 } }, /^MinimumPollers must/],
    [{ ...selfManaged, ProvisionedPollerConfig: { PollerGroupName: 'x' } }, /^PollerGroupName is not served/],
  ])('is refused: %j', (input, text) => {
    const result = create(input)
    expect(result.ok ? '' : result.error.message).toMatch(text)
  })

  it('may change how it is reached and read, but not its group', () => {
    const mapping = created(selfManaged)
    const changed = update(mapping, {
      SourceAccessConfigurations: [{ Type: 'BASIC_AUTH', URI: uri }],
      ProvisionedPollerConfig: { MinimumPollers: 2 },
    })
    expect(changed).toMatchObject({
      value: { kafka: { access: [{ type: 'BASIC_AUTH' }] }, provisionedPollers: { minimum: 2, maximum: 200 } },
    })
    if (!changed.ok) throw new Error(changed.error.message)
    const ended = update(changed.value, { ProvisionedPollerConfig: {} })
    expect(ended.ok && ended.value.provisionedPollers).toBe(undefined)
    expect(update(mapping, { SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: 'other' } })).toMatchObject({
      error: { message: expect.stringMatching(/^You cannot change the consumer group ID/) },
    })
  })
})

describe('provisioned pollers of SQS', () => {
  const sqs: CreateMappingInput = { FunctionName: 'f', EventSourceArn: 'arn:aws:sqs:us-east-1:123456789012:q' }

  it('are two at least, and not to be had with a maximum of concurrency', () => {
    expect(created({ ...sqs, ProvisionedPollerConfig: { MaximumPollers: 5 } }).provisionedPollers).toEqual({
      minimum: 2,
      maximum: 5,
    })
    const refused = (input: Partial<CreateMappingInput>) => {
      const result = create({ ...sqs, ...input })
      return result.ok ? '' : result.error.message
    }
    expect(refused({ ProvisionedPollerConfig: { MinimumPollers: 1 } })).toMatch(/at least 2/)
    const both = { ProvisionedPollerConfig: { MinimumPollers: 2 }, ScalingConfig: { MaximumConcurrency: 2 } }
    expect(refused(both)).toMatch(/^You cannot specify both/)
  })
})
