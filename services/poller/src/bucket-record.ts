import { parseBucketArn } from '@weft/contracts'
import { type DeadBatch, eventOf, type SourceRecord, type TargetMessage } from '@weft/delivery'
import type { BatchContext } from './batch-context.ts'

/**
 * What a destination gets of records that were given up. A bucket has room for the event that the function would have got,
 * so of a stream it gets that, too, as `payload`; it lies under the mapping and the shard.
 */
export function messageOf(
  { mapping, shard, source }: Pick<BatchContext, 'mapping' | 'shard' | 'source'>,
  arn: string,
  { payload, headers, messageId }: DeadBatch,
  records: readonly SourceRecord[],
): TargetMessage {
  const { accountId, functionName, uuid } = mapping
  const message = { accountId, functionName, payload, headers, messageId }
  if (parseBucketArn(arn) === undefined) return message
  const objectPrefix = `aws/lambda/${uuid}${shard === '' ? '' : `/${shard}`}`
  if (source.order !== 'ordered') return { ...message, objectPrefix }
  const record = new TextDecoder().decode(payload)
  const event = new TextDecoder().decode(eventOf(source.frame, records))
  const whole = new TextEncoder().encode(`${record.slice(0, -1)},"payload":${event}}`)
  return { ...message, payload: whole, objectPrefix }
}
