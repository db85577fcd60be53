import type { JetStreamArn } from '@weft/contracts'

/** A message of a stream, as a mapping's source reads it. */
export interface SourceRecord {
  readonly subject: string
  readonly sequence: number
  /** When the stream stored it, epoch ms. */
  readonly storedAtMs: number
  /** Every value of a header that occurs more than once. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly data: Uint8Array
}

/** One element of `Records` in the event of a JetStream mapping; see docs/event-sources.md. */
export interface JetStreamRecord {
  readonly eventID: string
  readonly eventName: 'weft:jetstream:record'
  readonly eventVersion: '1.0'
  readonly eventSource: 'aws:jetstream'
  readonly awsRegion: string
  readonly eventSourceARN: string
  readonly jetstream: {
    readonly stream: string
    /** Decimal digits: a string as in Kinesis, so that it survives readers that know doubles only. */
    readonly sequenceNumber: string
    readonly subject: string
    /** Epoch seconds with milliseconds, when the stream stored it. */
    readonly approximateArrivalTimestamp: number
    readonly headers: Readonly<Record<string, readonly string[]>>
    /** Base64. */
    readonly data: string
  }
}

/** The identifier that ReportBatchItemFailures uses. */
export const identifierOf = (record: SourceRecord): string => `${record.sequence}`

export function toJetStreamRecord(record: SourceRecord, arn: string, { region, name }: JetStreamArn): JetStreamRecord {
  return {
    eventID: `${name}:${record.sequence}`,
    eventName: 'weft:jetstream:record',
    eventVersion: '1.0',
    eventSource: 'aws:jetstream',
    awsRegion: region,
    eventSourceARN: arn,
    jetstream: {
      stream: name,
      sequenceNumber: identifierOf(record),
      subject: record.subject,
      approximateArrivalTimestamp: record.storedAtMs / 1_000,
      headers: record.headers,
      data: Buffer.from(record.data).toString('base64'),
    },
  }
}

/** `{"Records":[…]}` and the comma that each record but the last needs. */
const frameBytes = '{"Records":[]}'.length

/** Records encoded once, when they are read: their size decides where a batch closes and their text makes the payload. */
export interface EncodedRecord {
  readonly source: SourceRecord
  readonly json: string
  /** Share of the payload, bytes, comma included. */
  readonly payloadBytes: number
}

export function encodeRecord(source: SourceRecord, arn: string, parsed: JetStreamArn): EncodedRecord {
  const json = JSON.stringify(toJetStreamRecord(source, arn, parsed))
  return { source, json, payloadBytes: Buffer.byteLength(json) + 1 }
}

export const batchPayload = (records: readonly EncodedRecord[]): Uint8Array =>
  new TextEncoder().encode(`{"Records":[${records.map((r) => r.json).join(',')}]}`)

/** Upper bound of the records of one batch together, so that the payload with its frame stays within `payloadBytes`. */
export const recordBytesWithin = (payloadBytes: number): number => payloadBytes - frameBytes
