import { type EventSourceMapping, err, ok, type Result } from '@weft/contracts'
import type { EventFrame, MappingSource, MappingSources, SourceRecord } from '@weft/delivery'
import type { BrokerOptions } from '../broker-sources.ts'
import { type ShardedStream, ShardSource } from '../shard-source.ts'
import { brokerHoldMs, reasonOf } from '../unsharded.ts'
import { kafkaAccess } from './kafka-access.ts'
import { KafkaClient } from './kafka-client.ts'
import { batchInfoOf, offsetIn, recordOf, type StoredRecord } from './kafka-records.ts'
import { MergedSource } from './merged-source.ts'

/**
 * Topics of Kafka. A partition is read under a lease; with provisioned pollers each of these reads its share of the
 * partitions, one batch at a time. Offsets are kept in the mapping's consumer group.
 */
export function kafkaSources({ brokers, clock }: BrokerOptions): MappingSources {
  const using = async <T>(
    mapping: EventSourceMapping,
    act: (client: KafkaClient) => Promise<T>,
  ): Promise<Result<T, string>> => {
    const client = clientOf(mapping)
    if (!client.ok) return client
    try {
      return ok(await act(client.value))
    } catch (error) {
      return err(`PROBLEM: Kafka topic ${topicOf(mapping)} cannot be read: ${reasonOf(error)}`)
    } finally {
      await client.value.close()
    }
  }
  const clientOf = (mapping: EventSourceMapping): Result<KafkaClient, string> => {
    const access = kafkaAccess(mapping, brokers)
    if (!access.ok) return access
    return ok(new KafkaClient(`weft-${mapping.uuid}`, access.value, topicOf(mapping), groupOf(mapping)))
  }
  return {
    holdMs: brokerHoldMs,
    isSharded: () => true,
    shards: (mapping) =>
      using(mapping, async (client) => {
        const { count } = await client.partitions()
        const pollers = mapping.provisionedPollers?.maximum
        // A name says nothing of the number of partitions: that it grows must not part a reader from its partition.
        return Array.from({ length: Math.min(count, pollers ?? count) }, (_, n) =>
          pollers === undefined ? `${n}` : `${n}/${pollers}`,
        )
      }),
    async open(mapping, shard) {
      const opened: ShardSource[] = []
      const [first = 0, step = Number.POSITIVE_INFINITY] = shard.split('/').map(Number)
      try {
        const access = kafkaAccess(mapping, brokers)
        if (!access.ok) return access
        const counted = await using(mapping, (client) => client.partitions())
        if (!counted.ok) return counted
        const { count, topicId } = counted.value
        for (let partition = first; partition < count; partition += step) {
          const client = clientOf(mapping)
          if (!client.ok) return client
          const stream = partitionOf(client.value, mapping, partition, topicId, access.value.servers)
          const keep = (id: string) => client.value.commit(partition, offsetIn(id) + 1n)
          // Disposed with the rest, should the next lines fail.
          opened.push(new ShardSource(stream, shard, `${await startOf(client.value, mapping, partition)}`, clock, keep))
        }
        const [only] = opened
        return ok<MappingSource>(opened.length === 1 && only ? only : new MergedSource(opened.splice(0), clock))
      } catch (error) {
        await Promise.all(opened.map((one) => one[Symbol.asyncDispose]()))
        return err(`PROBLEM: Kafka topic ${topicOf(mapping)} cannot be read: ${reasonOf(error)}`)
      }
    },
    // The group stays, as on AWS: a mapping that is made again with its id goes on where this one ended.
    remove: async () => {},
    lag: async (mapping) => {
      const measured = await using(mapping, async (client) => {
        const { count } = await client.partitions()
        const committed = await client.committed(Array.from({ length: count }, (_, n) => n))
        // Until a partition has a place there is nothing that it could be behind of.
        if (committed.size < count) return undefined
        let behind = 0n
        for (const [partition, at] of committed) behind += (await client.offset(partition, 'end')) - at
        return Number(behind)
      })
      return measured.ok ? measured.value : undefined
    },
  }
}

const topicOf = (mapping: EventSourceMapping): string => mapping.filterSubjects[0] ?? ''

const groupOf = (mapping: EventSourceMapping): string => mapping.kafka?.consumerGroupId ?? mapping.uuid

/**
 * The next offset of a partition. The first time it is what StartingPosition says, and committed at once: a reader that
 * takes over before the first batch has succeeded must not begin later.
 */
async function startOf(client: KafkaClient, mapping: EventSourceMapping, partition: number): Promise<bigint> {
  const committed = (await client.committed([partition])).get(partition)
  if (committed !== undefined) return committed
  const { startingPosition, startingPositionTimestampMs = 0 } = mapping
  const at =
    startingPosition === 'LATEST' ? 'end' : startingPosition === 'TRIM_HORIZON' ? 'oldest' : startingPositionTimestampMs
  const start = await client.offset(partition, at)
  await client.commit(partition, start)
  return start
}

function partitionOf(
  client: KafkaClient,
  mapping: EventSourceMapping,
  partition: number,
  topicId: string,
  servers: readonly string[],
): ShardedStream {
  const topic = topicOf(mapping)
  const selfManaged = mapping.kafka?.bootstrapServers
  const head = {
    ...(!selfManaged && { eventSourceArn: mapping.eventSourceArn }),
    bootstrapServers: (selfManaged ?? servers).join(','),
  }
  const frame: EventFrame = {
    kind: 'grouped',
    head: { eventSource: selfManaged ? 'SelfManagedKafka' : 'aws:kafka', ...head },
    member: 'records',
  }
  /** Fetched, but not asked for yet. */
  let ahead: readonly StoredRecord[] = []
  return {
    batchInfo: 'KafkaBatchInfo',
    describeBatch: (records: readonly SourceRecord[]) => batchInfoOf(records, head),
    frame,
    waits: true,
    incarnation: topicId,
    shards: async () => [],
    iterator: async () => '',
    async records(_shard, iterator, most) {
      let next = iterator
      if (ahead.length === 0) {
        const fetched = await client.fetch(partition, BigInt(iterator))
        ahead = fetched.records
        next = `${fetched.next}`
      }
      const records = ahead.slice(0, most).map((stored) => recordOf(stored, topic, partition))
      ahead = ahead.slice(most)
      return { records, next }
    },
    close: () => void client.close().catch(() => {}),
  }
}
