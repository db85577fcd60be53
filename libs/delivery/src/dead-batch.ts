import { type EventSourceMapping, headers } from '@weft/contracts'
import type { GiveUpCondition } from './batch-fate.ts'
import type { HeaderValues } from './envelope.ts'
import type { SourceRecord } from './source-record.ts'

export interface BatchResponse {
  readonly statusCode: number
  readonly executedVersion: string
  readonly functionError: string
}

export interface GivenUp {
  readonly requestId: string
  readonly mapping: EventSourceMapping
  readonly condition: GiveUpCondition
  readonly runs: number
  /** Of the last run, if the function answered one. */
  readonly response?: BatchResponse
}

/** What is kept of records that were given up, as a message. */
export interface DeadBatch {
  readonly payload: Uint8Array
  readonly headers: HeaderValues
  /** The same for the same records. */
  readonly messageId: string
  /** What it says, for the log. */
  readonly summary: Readonly<Record<string, unknown>>
}

export interface BatchPlace {
  /** `JetStreamBatchInfo`, `KinesisBatchInfo`, `DDBStreamBatchInfo`, … */
  readonly batchInfo: string
  readonly shardId: string
  /** Members of `batchInfo`, where they are not those of Kinesis. */
  readonly info?: Readonly<Record<string, unknown>>
}

/**
 * Of a batch of a stream: where its records lie, not the records, as AWS keeps it (they are still in the stream); member
 * names follow `KinesisBatchInfo`. `records`: at least one, in order. `now` in epoch ms.
 */
export function deadBatch(
  given: GivenUp,
  records: readonly SourceRecord[],
  { batchInfo, shardId, info: own }: BatchPlace,
  now: number,
): DeadBatch {
  const { requestId, mapping, condition, runs, response } = given
  const first = records[0]
  const last = records.at(-1)
  if (!first || !last) throw new Error('a batch that is given up has records')
  const info = own ?? {
    ...(shardId !== '' && { shardId }),
    streamArn: mapping.eventSourceArn,
    startSequenceNumber: first.id,
    endSequenceNumber: last.id,
    approximateArrivalOfFirstRecord: new Date(first.storedAtMs).toISOString(),
    approximateArrivalOfLastRecord: new Date(last.storedAtMs).toISOString(),
    batchSize: records.length,
  }
  const body = {
    version: '1.0',
    timestamp: new Date(now).toISOString(),
    requestContext: {
      requestId,
      functionArn: mapping.functionArn,
      condition,
      approximateInvokeCount: runs,
    },
    ...(response && { responseContext: response }),
    [batchInfo]: info,
  }
  return {
    payload: new TextEncoder().encode(JSON.stringify(body)),
    headers: headersOf(given),
    messageId: `dead-${mapping.uuid}-${first.id}-${last.id}`,
    summary: info,
  }
}

/** Of a message of a queue: the message itself, which the queue forgets. */
export function deadMessage(given: GivenUp, record: SourceRecord): DeadBatch {
  return {
    payload: record.raw,
    headers: { ...headersOf(given), 'Weft-Message-Id': record.id, 'Weft-Receive-Count': `${record.receiveCount}` },
    messageId: `dead-${given.mapping.uuid}-${record.id}`,
    summary: { messageId: record.id },
  }
}

const headersOf = ({ requestId, condition, mapping }: GivenUp): HeaderValues => ({
  [headers.deadRequestId]: requestId,
  [headers.deadCondition]: condition,
  'Weft-Mapping': mapping.uuid,
})
