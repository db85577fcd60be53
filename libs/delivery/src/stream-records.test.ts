import { parseJetStreamArn } from '@weft/contracts'
import { expect, it } from 'vitest'
import { batchPayload, encodeRecord, recordBytesWithin, type SourceRecord } from './stream-records.ts'

const arn = 'arn:aws:jetstream:us-east-1:000000000000:stream/ORDERS'
const parsed = parseJetStreamArn(arn)
if (!parsed.ok) throw new Error('not an ARN')
const stream = parsed.value
const record = (sequence: number, data: string): SourceRecord => ({
  subject: 'orders.new',
  sequence,
  storedAtMs: 1_700_000_000_123,
  headers: { 'Content-Type': ['text/plain'] },
  data: new TextEncoder().encode(data),
})

it('a record has the shape that the documentation shows', () => {
  const payload = batchPayload([encodeRecord(record(42, 'hello'), arn, stream)])
  expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
    Records: [
      {
        eventID: 'ORDERS:42',
        eventName: 'weft:jetstream:record',
        eventVersion: '1.0',
        eventSource: 'aws:jetstream',
        awsRegion: 'us-east-1',
        eventSourceARN: arn,
        jetstream: {
          stream: 'ORDERS',
          sequenceNumber: '42',
          subject: 'orders.new',
          approximateArrivalTimestamp: 1_700_000_000.123,
          headers: { 'Content-Type': ['text/plain'] },
          data: 'aGVsbG8=',
        },
      },
    ],
  })
})

it('the sizes of records add up to the payload', () => {
  const records = ['a', 'ß€😀', 'x'.repeat(1_000)].map((data, n) => encodeRecord(record(n + 1, data), arn, stream))
  const sum = records.reduce((bytes, one) => bytes + one.payloadBytes, 0)
  const payload = batchPayload(records)
  // Every record counts a comma; the last has none.
  expect(payload.length).toBe(sum - 1 + (1_000 - recordBytesWithin(1_000)))
})
