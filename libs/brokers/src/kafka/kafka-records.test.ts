import { eventOf } from '@weft/delivery'
import { describe, expect, it } from 'vitest'
import { readBatches } from './kafka-client.ts'
import { batchInfoOf, offsetIn, recordOf, type StoredRecord } from './kafka-records.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const stored = (change: Partial<StoredRecord> = {}): StoredRecord => ({
  offset: 15n,
  timestampMs: 1_545_084_650_987,
  logAppendTime: false,
  key: bytes('k'),
  value: bytes('Hello'),
  headers: [[bytes('headerKey'), Buffer.from([104, 255])]],
  ...change,
})

describe('a record of Kafka', () => {
  it('looks as on AWS, under the name of its partition', () => {
    const head = { eventSource: 'SelfManagedKafka', bootstrapServers: 'a:9092,b:9092' }
    const event = eventOf({ kind: 'grouped', head, member: 'records' }, [
      recordOf(stored(), 'my-topic', 0),
      recordOf(stored({ offset: 3n, key: null, value: null, headers: [], logAppendTime: true }), 'my-topic', 2),
    ])
    expect(JSON.parse(new TextDecoder().decode(event))).toEqual({
      ...head,
      records: {
        'my-topic-0': [
          {
            topic: 'my-topic',
            partition: 0,
            offset: 15,
            timestamp: 1_545_084_650_987,
            timestampType: 'CREATE_TIME',
            key: 'aw==',
            value: 'SGVsbG8=',
            headers: [{ headerKey: [104, 255] }],
          },
        ],
        'my-topic-2': [
          {
            topic: 'my-topic',
            partition: 2,
            offset: 3,
            timestamp: 1_545_084_650_987,
            timestampType: 'LOG_APPEND_TIME',
            headers: [],
          },
        ],
      },
    })
  })

  it('is named by its partition and its offset, which the name gives back', () => {
    const { id } = recordOf(stored({ offset: 42n }), 'my-topic', 7)
    expect(id).toBe('my-topic-7-42')
    expect(offsetIn(id)).toBe(42n)
  })

  it('that is given up is told by its place', () => {
    const records = [1n, 2n].map((offset) => recordOf(stored({ offset }), 't', 0))
    expect(batchInfoOf([...records, recordOf(stored({ offset: 9n }), 't', 1)], { bootstrapServers: 'a:1' })).toEqual({
      batchSize: 3,
      bootstrapServers: 'a:1',
      payloadSize: expect.any(Number),
      recordsInfo: {
        't-0': {
          firstRecordOffset: '1',
          lastRecordOffset: '2',
          firstRecordTimestamp: '2018-12-17T22:10:50.987Z',
          lastRecordTimestamp: '2018-12-17T22:10:50.987Z',
        },
        't-1': expect.objectContaining({ firstRecordOffset: '9', lastRecordOffset: '9' }),
      },
    })
  })
})

describe('batches that a fetch brings', () => {
  const record = (offsetDelta: number) => ({
    length: 0,
    attributes: 0,
    timestampDelta: BigInt(offsetDelta),
    offsetDelta,
    key: null,
    value: bytes(`${offsetDelta}`),
    headers: [],
  })
  const batch = (firstOffset: bigint, deltas: readonly number[], attributes = 0) => ({
    firstOffset,
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes,
    lastOffsetDelta: deltas.at(-1) ?? 0,
    firstTimestamp: 1_000n,
    maxTimestamp: 5_000n,
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    records: deltas.map(record),
  })

  it('begin where it asked, though a batch begins earlier', () => {
    const { records, next } = readBatches([batch(10n, [0, 1, 2]), batch(13n, [0, 5])], 11n)
    expect(records.map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [11n, 1_001],
      [12n, 1_002],
      [13n, 1_000],
      [18n, 1_005],
    ])
    expect(next).toBe(19n)
  })

  it('hold no marks of transactions, which are passed over', () => {
    expect(readBatches([batch(10n, [0], 1 << 5)], 10n)).toEqual({ records: [], next: 11n })
  })

  it('have the time of the broker where it sets one', () => {
    expect(readBatches([batch(10n, [0], 1 << 3)], 10n).records).toMatchObject([
      { timestampMs: 5_000, logAppendTime: true },
    ])
  })

  it('that are none leave the place where it is', () => {
    expect(readBatches([], 10n)).toEqual({ records: [], next: 10n })
  })
})
