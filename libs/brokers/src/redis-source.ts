import { type EventSourceMapping, err, ok } from '@weft/contracts'
import { type MappingSource, type MappingSources, type SourceRecord, sourceRecord } from '@weft/delivery'
import { Redis } from 'ioredis'
import { type Broker, brokerFor } from './broker-book.ts'
import type { BrokerOptions } from './broker-sources.ts'
import { reasonOf, unsharded } from './unsharded.ts'

/** Longest time that one blocking read takes: an abort is noticed between two. */
const blockMs = 1_000
/** The one reader of a mapping's group: its lease says that there are never two. */
const consumer = 'weft'

const groupOf = ({ uuid }: EventSourceMapping): string => `weft-${uuid}`

interface RedisArn {
  readonly region: string
  readonly broker: string
  readonly key: string
}

/** `arn:aws:redis:REGION:ACCOUNT:stream/BROKER/KEY`. */
function parseArn(arn: string): RedisArn | undefined {
  const [, region, broker, key] = /^arn:aws:redis:([a-z0-9-]+):\d{12}:stream\/([\w-]+)\/(.{1,512})$/.exec(arn) ?? []
  return region && broker && key ? { region, broker, key } : undefined
}

const connect = (broker: Broker): Redis =>
  new Redis(broker.url as string, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null })

/**
 * Redis streams through a consumer group per mapping, whose pending entries are what is not settled: they come first when
 * the source is opened again.
 */
export function redisSources({ brokers, log }: BrokerOptions): MappingSources {
  const reach = (mapping: EventSourceMapping) => {
    const arn = parseArn(mapping.eventSourceArn)
    if (!arn) return err(`PROBLEM: ${mapping.eventSourceArn} is no Redis stream.`)
    const broker = brokerFor(brokers, mapping.accountId, 'redis', arn.broker)
    return broker.ok ? ok({ arn, broker: broker.value }) : broker
  }
  return unsharded(
    async (mapping) => {
      const reached = reach(mapping)
      if (!reached.ok) return reached
      const { arn, broker } = reached.value
      const redis = connect(broker)
      redis.on('error', (error) => log.warn({ err: error, mapping: mapping.uuid }, 'redis'))
      try {
        await redis.connect()
        const problem = await ensureGroup(redis, arn.key, mapping)
        if (problem === undefined) return ok(redisSource(redis, await settling(redis), arn, mapping))
        redis.disconnect()
        return err(problem)
      } catch (error) {
        redis.disconnect()
        return err(`PROBLEM: Redis ${arn.broker} cannot be used: ${reasonOf(error)}`)
      }
    },
    async (mapping) => {
      const reached = reach(mapping)
      if (!reached.ok) return
      const redis = connect(reached.value.broker)
      try {
        await redis.connect()
        await redis.xgroup('DESTROY', reached.value.arn.key, groupOf(mapping))
      } catch (error) {
        // Without its stream there is no group either.
        if (!/requires the key to exist/.test(reasonOf(error))) throw error
      } finally {
        redis.disconnect()
      }
    },
  )
}

/** A second connection: the first one is busy with waiting for entries. */
async function settling(redis: Redis): Promise<Redis> {
  const second = redis.duplicate()
  second.on('error', (error) => redis.emit('error', error))
  await second.connect()
  return second
}

async function ensureGroup(redis: Redis, key: string, mapping: EventSourceMapping): Promise<string | undefined> {
  const type = await redis.type(key)
  if (type === 'none') return `PROBLEM: Redis stream ${key} does not exist.`
  if (type !== 'stream') return `PROBLEM: Redis key ${key} is a ${type}, no stream.`
  try {
    await redis.xgroup('CREATE', key, groupOf(mapping), startOf(mapping))
  } catch (error) {
    if (!reasonOf(error).startsWith('BUSYGROUP')) throw error
  }
  return undefined
}

function startOf({ startingPosition, startingPositionTimestampMs = 0 }: EventSourceMapping): string {
  if (startingPosition === 'LATEST') return '$'
  // A group begins after the entry that it names.
  return startingPosition === 'TRIM_HORIZON'
    ? '0'
    : `${Math.max(0, startingPositionTimestampMs - 1)}-18446744073709551615`
}

type Reply = readonly (readonly [key: string, entries: readonly (readonly [id: string, fields: readonly string[]])[]])[]

function redisSource(redis: Redis, second: Redis, arn: RedisArn, mapping: EventSourceMapping): MappingSource {
  const group = groupOf(mapping)
  /** Of the pending entries the last that was handed out again; undefined: all were, go on with new ones. */
  let pendingAfter: string | undefined = '0'
  const readPending = async (most: number): Promise<readonly SourceRecord[]> => {
    const after: string = pendingAfter ?? '0'
    const reply = await redis.xreadgroup('GROUP', group, consumer, 'COUNT', most, 'STREAMS', arn.key, after)
    const entries = (reply as Reply | null)?.[0]?.[1] ?? []
    pendingAfter = entries.at(-1)?.[0]
    // An entry that was deleted meanwhile has no fields, and nothing is left to do for it.
    const gone = entries.filter(([, fields]) => fields === null).map(([id]) => id)
    if (gone.length > 0) await redis.xack(arn.key, group, ...gone)
    return entries.filter(([, fields]) => fields !== null).map(([id, fields]) => recordOf(id, fields, arn, mapping))
  }
  return {
    order: 'ordered',
    incarnation: `redis/${arn.broker}/${arn.key}`,
    frame: { kind: 'records' },
    batchInfo: 'RedisBatchInfo',
    visibilityMs: 0,
    async read(most, waitMs, signal) {
      while (pendingAfter !== undefined) {
        const pending = await readPending(most)
        if (pending.length > 0) return pending
      }
      for (let leftMs = waitMs; leftMs > 0 && !signal.aborted; leftMs -= blockMs) {
        const block = Math.min(leftMs, blockMs)
        const reply = await redis.xreadgroup(
          'GROUP',
          group,
          consumer,
          'COUNT',
          most,
          'BLOCK',
          block,
          'STREAMS',
          arn.key,
          '>',
        )
        const entries = (reply as Reply | null)?.[0]?.[1] ?? []
        if (entries.length > 0) return entries.map(([id, fields]) => recordOf(id, fields, arn, mapping))
      }
      return []
    },
    held: () => redis.status === 'ready' && second.status === 'ready',
    extend: async () => {},
    async settle(records) {
      await second.xack(arn.key, group, ...records.map(({ id }) => id))
    },
    giveBack: () => {},
    async [Symbol.asyncDispose]() {
      redis.disconnect()
      second.disconnect()
    },
  }
}

function recordOf(id: string, fields: readonly string[], arn: RedisArn, mapping: EventSourceMapping): SourceRecord {
  const pairs = Array.from({ length: fields.length / 2 }, (_, n) => [fields[2 * n] ?? '', fields[2 * n + 1] ?? ''])
  const storedAtMs = Number(id.split('-')[0])
  const values = Object.fromEntries(pairs) as Record<string, string>
  const about = { stream: arn.key, id, approximateArrivalTimestamp: storedAtMs / 1_000, fields: values }
  return sourceRecord(
    {
      id,
      storedAtMs,
      orderKey: values.key ?? id,
      view: { members: about },
      receiveCount: 1,
      raw: new TextEncoder().encode(JSON.stringify(values)),
    },
    {
      eventID: `${arn.key}:${id}`,
      eventName: 'weft:redis:entry',
      eventVersion: '1.0',
      eventSource: 'aws:redis',
      awsRegion: arn.region,
      eventSourceARN: mapping.eventSourceArn,
      redis: about,
    },
  )
}
