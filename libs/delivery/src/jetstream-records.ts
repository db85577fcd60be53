import { createHash } from 'node:crypto'
import { headers as headerNames, type JetStreamArn, requestIdOfMessage } from '@weft/contracts'
import { type SourceRecord, sourceRecord } from './source-record.ts'

/** A message of a stream as it was delivered. */
export interface StreamMessage {
  readonly subject: string
  readonly sequence: number
  /** When the stream stored it, epoch ms. */
  readonly storedAtMs: number
  /** Every value of a header that occurs more than once. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly data: Uint8Array
  /** 1 for the first delivery. */
  readonly deliveries: number
}

/** Where a message comes from: the ARN as the mapping has it, and its stream. */
export interface StreamOrigin {
  readonly arn: string
  readonly parsed: JetStreamArn
  readonly streamCreatedAt: string
}

const commonOf = ({ headers, storedAtMs, subject, deliveries, data }: StreamMessage) => {
  const traceHeader = headers[headerNames.traceId]?.[0]
  return {
    storedAtMs,
    orderKey: subject,
    receiveCount: deliveries,
    raw: data,
    ...(traceHeader !== undefined && { traceHeader }),
  }
}

/** An element of `Records` of a mapping on a stream; see docs/event-sources.md. */
export function streamRecord(message: StreamMessage, { arn, parsed: { region, name } }: StreamOrigin): SourceRecord {
  const id = `${message.sequence}`
  const about = {
    stream: name,
    // A string as in Kinesis, so that it survives readers that know doubles only.
    sequenceNumber: id,
    subject: message.subject,
    approximateArrivalTimestamp: message.storedAtMs / 1_000,
    headers: message.headers,
  }
  return sourceRecord(
    { ...commonOf(message), id, view: { members: about, payload: { member: 'data', bytes: message.data } } },
    {
      eventID: `${name}:${id}`,
      eventName: 'weft:jetstream:record',
      eventVersion: '1.0',
      eventSource: 'aws:jetstream',
      awsRegion: region,
      eventSourceARN: arn,
      jetstream: { ...about, data: Buffer.from(message.data).toString('base64') },
    },
  )
}

/** A queue whose name ends so keeps the order of each subject, as an SQS queue that ends in `.fifo` does of each group. */
export const isFifoQueue = (name: string): boolean => name.endsWith('_fifo')

/** An element of `Records` as of SQS (developer guide, with-sqs), for a mapping on a queue. Bytes that are no text come as base64. */
export function queueRecord(message: StreamMessage, { arn, parsed, streamCreatedAt }: StreamOrigin): SourceRecord {
  const messageId = requestIdOfMessage(parsed.name, streamCreatedAt, message.sequence)
  const text = utf8(message.data)
  const body = text ?? Buffer.from(message.data).toString('base64')
  const headers: readonly (readonly [string, string])[] = [
    ...Object.entries(message.headers).map(([name, values]) => [name, values.join(',')] as const),
    ['Nats-Subject', message.subject],
    ...(text === undefined ? [['Weft-Body-Encoding', 'base64'] as const] : []),
  ]
  const deduplicationId = message.headers['Nats-Msg-Id']?.[0]
  const about = {
    messageId,
    receiptHandle: `${parsed.name}:${message.sequence}:${message.deliveries}`,
    attributes: {
      ApproximateReceiveCount: `${message.deliveries}`,
      SentTimestamp: `${message.storedAtMs}`,
      SenderId: parsed.accountId,
      ApproximateFirstReceiveTimestamp: `${message.storedAtMs}`,
      ...(isFifoQueue(parsed.name) && {
        MessageGroupId: message.subject,
        SequenceNumber: `${message.sequence}`,
        ...(deduplicationId !== undefined && { MessageDeduplicationId: deduplicationId }),
      }),
    },
    messageAttributes: Object.fromEntries(headers.map(([name, value]) => [name, attribute(value)])),
    md5OfBody: createHash('md5').update(body).digest('hex'),
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: parsed.region,
  }
  const { messageId: _, receiptHandle, ...rest } = about
  return sourceRecord(
    {
      ...commonOf(message),
      id: messageId,
      view: { members: about, payload: { member: 'body', bytes: message.data } },
    },
    { messageId, receiptHandle, body, ...rest },
  )
}

const attribute = (stringValue: string) => ({
  stringValue,
  stringListValues: [],
  binaryListValues: [],
  dataType: 'String',
})

/** Undefined for what is not UTF-8. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
