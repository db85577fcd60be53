import { type AccountId, err, ok, parseBucketArn, type Result, requestIdOfMessage } from '@weft/contracts'
import type { EventTargets } from './targets.ts'

/** Where records are put that go to buckets. Rejects when the store is away or full. */
export interface BucketWriter {
  put(
    account: AccountId,
    bucket: string,
    key: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
  ): Promise<Result<unknown, string>>
}

/**
 * Buckets of the same account as targets: the record becomes an object `PREFIX/yyyy/MM/dd/yyyy-MM-ddTHH.mm.ss-UUID`. The
 * prefix is the message's (`aws/lambda/async/FUNCTION`, `aws/lambda/MAPPING[/SHARD]`); the UUID is equal for every try. Lambda
 * developer guide, invocation-async-retain-records and kinesis-on-failure-destination.
 */
export const bucketTargets = (buckets: BucketWriter, now: () => number): EventTargets => ({
  async send(targetArn, { accountId, functionName, payload, messageId, objectPrefix }) {
    const bucket = parseBucketArn(targetArn)
    if (bucket === undefined) return err({ reason: `${targetArn} is no bucket`, permanent: true })
    const [day = '', time = ''] = new Date(now()).toISOString().slice(0, 19).split('T')
    const prefix = objectPrefix ?? `aws/lambda/async/${functionName}`
    const id = requestIdOfMessage(targetArn, messageId, 0)
    const key = `${prefix}/${day.replaceAll('-', '/')}/${day}T${time.replaceAll(':', '.')}-${id}`
    try {
      const put = await buckets.put(accountId, bucket, key, payload, { 'content-type': 'application/json' })
      return put.ok ? ok(undefined) : err({ reason: `bucket ${bucket}: ${put.error}`, permanent: false })
    } catch (error) {
      return err({ reason: error instanceof Error ? error.message : String(error), permanent: false })
    }
  },
})
