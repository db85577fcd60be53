import { accountId, type EventSourceMapping, functionName, ok } from '@weft/contracts'
import type { MappingSources } from '@weft/delivery'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { expect, it } from 'vitest'
import { brokerSources } from './broker-sources.ts'
import { dynamodbSources } from './dynamodb-source.ts'
import { kafkaSources } from './kafka/kafka-source.ts'
import { kinesisSources } from './kinesis-source.ts'
import { lazySources } from './lazy-sources.ts'
import { mqttSources } from './mqtt-source.ts'
import { rabbitmqSources } from './rabbitmq-source.ts'
import { redisSources } from './redis-source.ts'
import { sqsSources } from './sqs-source.ts'

const mapping = (more: Partial<EventSourceMapping> = {}): EventSourceMapping =>
  ({ accountId: accountId('000000000000'), functionName: functionName('f'), ...more }) as EventSourceMapping

it('loads nothing before a mapping asks, and once for all of them', async () => {
  let loads = 0
  const asked: string[] = []
  const own: MappingSources = {
    holdMs: 1,
    isSharded: () => true,
    shards: async () => ok(['0', '1']),
    open: async (_mapping, shard) => {
      asked.push(shard)
      return { ok: false, error: 'closed' }
    },
    remove: async () => void asked.push('removed'),
  }
  const sources = lazySources('sharded', async () => {
    loads++
    return own
  })
  expect([sources.isSharded(mapping()), loads]).toEqual([true, 0])
  const [shards] = await Promise.all([sources.shards(mapping()), sources.open(mapping(), '1')])
  await sources.remove(mapping())
  expect(shards).toEqual(ok(['0', '1']))
  expect(await sources.lag?.(mapping())).toBeUndefined()
  expect([loads, asked]).toEqual([1, ['1', 'removed']])
})

it('tells of every kind what the kind tells of itself', () => {
  const positions = { read: async () => undefined, write: async () => {}, remove: async () => {} }
  const options = { brokers: new Map(), positions, clock: new FakeClock(), log: silentLogger }
  const own = {
    redis: redisSources(options),
    mq: rabbitmqSources(options),
    kafka: kafkaSources(options),
    mqtt: mqttSources(options),
    sqs: sqsSources(options),
    kinesis: kinesisSources(options),
    dynamodb: dynamodbSources(options),
  }
  const about = (sources: Readonly<Record<string, MappingSources>>) =>
    Object.entries(sources).map(([kind, one]) => [
      kind,
      one.holdMs,
      one.isSharded(mapping()),
      one.isSharded(mapping({ provisionedPollers: { minimum: 1, maximum: 2 } })),
    ])
  expect(about(brokerSources(options))).toEqual(about(own))
})
