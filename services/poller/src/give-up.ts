import {
  type BatchPlace,
  type BatchResponse,
  type DeadBatch,
  deadBatch,
  deadMessage,
  type GivenUp,
  type GiveUpCondition,
  type SourceRecord,
} from '@weft/delivery'
import { type BatchContext, surely } from './batch-context.ts'
import { messageOf } from './bucket-record.ts'
import { requestIdOf } from './run-batch.ts'

export interface GivingUp {
  readonly condition: GiveUpCondition
  readonly runs: number
  readonly response?: BatchResponse | undefined
}

/** Tries of the mapping's own destination; the dead stream has everything in any case. */
const destinationTries = 3

/** Keeps what is known of records that are not run (again): in the dead stream, and at the mapping's destination. */
export async function giveUp(context: BatchContext, records: readonly SourceRecord[], why: GivingUp): Promise<void> {
  const { mapping, shard, source, clock, log } = context
  const { response, ...rest } = why
  const given: GivenUp = {
    requestId: requestIdOf(context, records),
    mapping,
    ...rest,
    ...(response && { response }),
  }
  const dead =
    source.order === 'ordered'
      ? [deadBatch(given, records, placeOf(source, shard, records), clock.now())]
      : records.map((record) => deadMessage(given, record))
  for (const one of dead) {
    log.warn({ mapping: mapping.uuid, requestId: given.requestId, ...why, about: one.summary }, 'records given up')
    await surely(context, () => context.deadBatches.keep(mapping, one))
    if (mapping.onFailureArn !== undefined) await tell(context, mapping.onFailureArn, one, records)
  }
}

const placeOf = (source: BatchContext['source'], shardId: string, records: readonly SourceRecord[]): BatchPlace => {
  const info = source.describeBatch?.(records)
  return { batchInfo: source.batchInfo, shardId, ...(info && { info }) }
}

async function tell(
  context: BatchContext,
  arn: string,
  dead: DeadBatch,
  records: readonly SourceRecord[],
): Promise<void> {
  const { mapping, targets, log, report } = context
  const message = messageOf(context, arn, dead, records)
  let reason = ''
  for (let attempt = 1; attempt <= destinationTries; attempt++) {
    const sent = await targets.send(arn, message)
    if (sent.ok) return
    reason = sent.error.reason
    if (sent.error.permanent) break
  }
  // As on AWS the source goes on: a destination that is away must not hold a shard up.
  log.error({ mapping: mapping.uuid, arn, reason, about: dead.summary }, 'a destination did not take a batch')
  report(`PROBLEM: The destination ${arn} did not take a batch: ${reason}`)
}
