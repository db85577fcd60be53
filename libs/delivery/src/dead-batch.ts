import type { EventSourceMapping } from '@weft/contracts'
import type { GiveUpCondition } from './batch-fate.ts'
import type { SourceRecord } from './stream-records.ts'

/**
 * What is kept of a batch that was given up: where its records lie, not the records, as AWS does for streams (they are
 * still in the stream). Member names follow AWS's `KinesisBatchInfo`.
 */
export interface DeadBatch {
  readonly version: '1.0'
  /** ISO 8601. */
  readonly timestamp: string
  readonly requestContext: {
    readonly requestId: string
    /** As configured on the mapping. */
    readonly functionArn: string
    readonly condition: GiveUpCondition
    readonly approximateInvokeCount: number
  }
  readonly responseContext?: {
    readonly statusCode: number
    readonly executedVersion: string
    readonly functionError: string
  }
  readonly JetStreamBatchInfo: {
    readonly streamArn: string
    readonly startSequenceNumber: string
    readonly endSequenceNumber: string
    readonly approximateArrivalOfFirstRecord: string
    readonly approximateArrivalOfLastRecord: string
    readonly batchSize: number
  }
}

export interface GivenUp {
  readonly requestId: string
  readonly mapping: EventSourceMapping
  /** At least one, in order. */
  readonly records: readonly SourceRecord[]
  readonly condition: GiveUpCondition
  readonly runs: number
  /** Of the last run, if the function answered one. */
  readonly response?: DeadBatch['responseContext']
}

export function deadBatch({ requestId, mapping, records, condition, runs, response }: GivenUp, now: number): DeadBatch {
  const first = records[0]
  const last = records.at(-1)
  if (!first || !last) throw new Error('a batch that is given up has records')
  return {
    version: '1.0',
    timestamp: new Date(now).toISOString(),
    requestContext: {
      requestId,
      functionArn: mapping.functionArn,
      condition,
      approximateInvokeCount: runs,
    },
    ...(response && { responseContext: response }),
    JetStreamBatchInfo: {
      streamArn: mapping.eventSourceArn,
      startSequenceNumber: `${first.sequence}`,
      endSequenceNumber: `${last.sequence}`,
      approximateArrivalOfFirstRecord: new Date(first.storedAtMs).toISOString(),
      approximateArrivalOfLastRecord: new Date(last.storedAtMs).toISOString(),
      batchSize: records.length,
    },
  }
}
