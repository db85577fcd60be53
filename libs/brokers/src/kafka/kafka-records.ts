import { type SourceRecord, sourceRecord } from '@weft/delivery'

/** A record as the client reads it, in the batch that it was stored in. */
export interface StoredRecord {
  readonly offset: bigint
  readonly timestampMs: number
  /** True where the broker sets the time at which it stored a record, not its producer. */
  readonly logAppendTime: boolean
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: Uint8Array | null, value: Uint8Array | null])[]
}

/** Name of a partition in an event: `TOPIC-PARTITION`. */
export const partitionName = (topic: string, partition: number): string => `${topic}-${partition}`

/** The offset in the id of a record. */
export const offsetIn = (id: string): bigint => BigInt(id.slice(id.lastIndexOf('-') + 1))

/** As of Kafka (developer guide, with-kafka): key and value are base64 and left out where there are none, headers bytes. */
export function recordOf(stored: StoredRecord, topic: string, partition: number): SourceRecord {
  const { offset, timestampMs: timestamp, logAppendTime, key, value, headers } = stored
  const group = partitionName(topic, partition)
  const about = {
    topic,
    partition,
    // Exact up to 2^53, which a partition that takes a million records a second reaches in 285 years.
    offset: Number(offset),
    timestamp,
    timestampType: logAppendTime ? 'LOG_APPEND_TIME' : 'CREATE_TIME',
  }
  const bytes = value ?? new Uint8Array()
  return sourceRecord(
    {
      id: `${group}-${offset}`,
      storedAtMs: timestamp,
      orderKey: group,
      group,
      view: {
        members: { ...about, ...(key && { key: Buffer.from(key).toString() }) },
        payload: { member: 'value', bytes },
      },
      receiveCount: 1,
      raw: bytes,
    },
    {
      ...about,
      ...(key && { key: Buffer.from(key).toString('base64') }),
      ...(value && { value: Buffer.from(value).toString('base64') }),
      headers: headers.map(([name, content]) => ({ [Buffer.from(name ?? []).toString()]: [...(content ?? [])] })),
    },
  )
}

/** `KafkaBatchInfo` of a batch that was given up (developer guide, kafka-on-failure). `records`: at least one. */
export function batchInfoOf(
  records: readonly SourceRecord[],
  head: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  const partitions = Map.groupBy(records, ({ group = '' }) => group)
  const infoOf = (some: readonly SourceRecord[]) => {
    const [first, last] = [some[0] as SourceRecord, some.at(-1) as SourceRecord]
    return {
      firstRecordOffset: `${offsetIn(first.id)}`,
      lastRecordOffset: `${offsetIn(last.id)}`,
      firstRecordTimestamp: new Date(first.storedAtMs).toISOString(),
      lastRecordTimestamp: new Date(last.storedAtMs).toISOString(),
    }
  }
  return {
    batchSize: records.length,
    ...head,
    payloadSize: records.reduce((sum, { eventBytes }) => sum + eventBytes, 0),
    recordsInfo: Object.fromEntries([...partitions].map(([name, some]) => [name, infoOf(some)])),
  }
}
