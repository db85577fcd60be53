import {
  type API,
  type Connection,
  ConnectionPool,
  Consumer,
  FetchIsolationLevels,
  findErrorBy,
  kGetApi,
  kGetConnection,
  ListOffsetTimestamps,
  type offsetCommitV9,
} from '@platformatic/kafka'
import type { KafkaAccess } from './kafka-access.ts'
import type { StoredRecord } from './kafka-records.ts'

/** How long the broker waits for records that are not there yet, ms. */
const fetchWaitMs = 500
/** Of one answer to a fetch, bytes; a larger record comes alone. */
const fetchBytes = 1024 * 1024
/** Attribute bits of a batch of records (Kafka protocol guide, "Record Batch"). */
const logAppendTimeBit = 1 << 3
const controlBit = 1 << 5

/** What a fetch brought, and where the next one begins. */
export interface Fetched {
  readonly records: readonly StoredRecord[]
  readonly next: bigint
}

/**
 * One topic, read with offsets that are kept in a consumer group which the reader does not join: which poller reads which
 * partition is settled by leases, and a partition changes hands only when nothing of it runs any more.
 */
export class KafkaClient {
  readonly #consumer: Consumer
  /** A broker answers one request of a connection after another: a commit must not wait behind a fetch that waits for records. */
  readonly #fetching: ConnectionPool
  readonly #topic: string
  readonly #group: string

  constructor(clientId: string, access: KafkaAccess, topic: string, group: string) {
    this.#topic = topic
    this.#group = group
    const connections = {
      ...(access.tls && { tls: access.tls }),
      ...(access.sasl && { sasl: access.sasl }),
      connectTimeout: 5_000,
      requestTimeout: 10_000,
    }
    this.#fetching = new ConnectionPool(clientId, connections)
    this.#consumer = new Consumer({
      ...connections,
      clientId,
      groupId: group,
      bootstrapBrokers: [...access.servers],
      // What fails is tried again by who asked: a lost source is opened anew.
      retries: 1,
      retryDelay: 250,
    })
    this.#consumer.topics.track(topic)
  }

  /** Rejects when there is no such topic. */
  async partitions(): Promise<{ readonly topicId: string; readonly count: number }> {
    const { topics } = await this.#metadata()
    const about = topics.get(this.#topic)
    if (about === undefined || about.partitionsCount === 0) throw new Error(`there is no topic ${this.#topic}`)
    return { topicId: about.id ?? '', count: about.partitionsCount }
  }

  /** Where the group goes on reading a partition, by its number; undefined where nothing was committed. */
  async committed(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    const offsets = await this.#consumer.listCommittedOffsets({
      topics: [{ topic: this.#topic, partitions: [...partitions] }],
    })
    const known = (offsets.get(this.#topic) ?? []).map((offset, partition) => [partition, offset] as const)
    return new Map(known.filter(([, offset]) => offset !== undefined && offset >= 0n))
  }

  /** Makes `offset` the next that the group reads. Rejects when that is not certain, and when the group has members. */
  async commit(partition: number, offset: bigint): Promise<void> {
    const consumer = this.#consumer
    const coordinator = await consumer.findGroupCoordinator()
    const broker = (await consumer.metadata({ topics: [this.#topic] })).brokers.get(coordinator)
    if (!broker) throw new Error(`the coordinator ${coordinator} of group ${this.#group} is not in the cluster`)
    type Commit = API<offsetCommitV9.OffsetCommitRequest, offsetCommitV9.OffsetCommitResponse>
    const connection = await new Promise<Connection>((resolve, reject) =>
      consumer[kGetConnection](broker, (error, value) => (error ? reject(error) : resolve(value as Connection))),
    )
    const commit = await new Promise<Commit>((resolve, reject) =>
      consumer[kGetApi]<offsetCommitV9.OffsetCommitRequest, offsetCommitV9.OffsetCommitResponse>(
        'OffsetCommit',
        (error, api) => (error ? reject(error) : resolve(api as Commit)),
      ),
    )
    const committed = { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1 }
    // Generation -1 and no member: a commit from outside the group, which the broker takes while the group is empty.
    await commit.async(connection, this.#group, -1, '', null, [{ name: this.#topic, partitions: [committed] }])
  }

  /** The first offset at or after a time in epoch ms, the oldest, or the one behind the newest. */
  async offset(partition: number, at: number | 'oldest' | 'end'): Promise<bigint> {
    const { EARLIEST, LATEST } = ListOffsetTimestamps
    const found = await this.#consumer.listOffsets({
      topics: [this.#topic],
      partitions: { [this.#topic]: [partition] },
      timestamp: at === 'oldest' ? EARLIEST : at === 'end' ? LATEST : BigInt(at),
    })
    const offset = found.get(this.#topic)?.[partition] ?? -1n
    if (offset >= 0n) return offset
    if (at === 'end') throw new Error(`partition ${partition} of ${this.#topic} has no end`)
    // Nothing is as new as that time: what comes will be.
    return this.offset(partition, 'end')
  }

  /** Committed records from an offset on; none after a wait. An offset that is gone counts as the oldest there is. */
  async fetch(partition: number, offset: bigint): Promise<Fetched> {
    const about = (await this.#consumer.metadata({ topics: [this.#topic] })).topics.get(this.#topic)
    const node = about?.partitions[partition]?.leader
    if (about === undefined || node === undefined)
      throw new Error(`there is no partition ${partition} of ${this.#topic}`)
    const wanted = { partition, currentLeaderEpoch: -1, fetchOffset: offset, lastFetchedEpoch: -1 }
    try {
      const { responses } = await this.#consumer.fetch({
        node,
        topics: [{ topicId: about.id, partitions: [{ ...wanted, partitionMaxBytes: fetchBytes }] }],
        connectionPool: this.#fetching,
        maxWaitTime: fetchWaitMs,
        minBytes: 1,
        maxBytes: fetchBytes,
        isolationLevel: FetchIsolationLevels.READ_COMMITTED,
      })
      return readBatches(
        responses.flatMap(({ partitions }) => partitions.flatMap(({ records }) => records ?? [])),
        offset,
      )
    } catch (error) {
      if (!findErrorBy(error as Error, 'apiId', 'OFFSET_OUT_OF_RANGE')) throw error
      const oldest = await this.offset(partition, 'oldest')
      if (oldest === offset) throw error
      return { records: [], next: oldest }
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#consumer.close(), this.#fetching.close()])
  }

  #metadata() {
    return this.#consumer.metadata({ topics: [this.#topic], forceUpdate: true })
  }
}

type Batch = NonNullable<
  Awaited<ReturnType<Consumer['fetch']>>['responses'][number]['partitions'][number]['records']
>[number]

/** A batch is delivered whole: what comes before the offset is left out, and marks of transactions are no records. */
export function readBatches(batches: readonly Batch[], offset: bigint): Fetched {
  const records: StoredRecord[] = []
  let next = offset
  for (const batch of batches) {
    const { firstOffset, firstTimestamp, maxTimestamp, attributes, lastOffsetDelta } = batch
    const logAppendTime = (attributes & logAppendTimeBit) !== 0
    if ((attributes & controlBit) === 0)
      for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
        const at = firstOffset + BigInt(offsetDelta)
        if (at < offset) continue
        const timestampMs = Number(logAppendTime ? maxTimestamp : firstTimestamp + timestampDelta)
        records.push({ offset: at, timestampMs, logAppendTime, key, value, headers })
      }
    const end = firstOffset + BigInt(lastOffsetDelta) + 1n
    if (end > next) next = end
  }
  return { records, next }
}
