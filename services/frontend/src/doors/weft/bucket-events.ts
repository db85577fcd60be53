import { type AwsError, awsError, bucketArn, err, ok, type Result } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { Principal } from '../door.ts'
import { readForeign } from '../s3/notifications/foreign.ts'
import type { Notifier } from '../s3/notifications/notifier.ts'

export interface BucketEventsDeps {
  readonly notifier: Pick<Notifier, 'relay' | 'settings'>
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}

export interface BucketEventsCall {
  readonly principal: Principal
  readonly body: Uint8Array
  readonly sourceIp?: string | undefined
}

/**
 * Takes what another S3 store says has happened in its buckets, and tells of it whom the notification configuration of the
 * bucket of the same name here names. The answer comes when everybody will be told; what is sent again within two minutes
 * doubles nothing.
 */
export async function takeBucketEvents(
  { notifier, authorizer, region, clock }: BucketEventsDeps,
  { principal, body, sourceIp }: BucketEventsCall,
): Promise<Result<void, AwsError>> {
  const { accountId: account } = principal
  const read = readForeign(body, { account, region, nowMs: clock.now() })
  if (!read.ok) return err(awsError('InvalidParameterValueException', read.error))
  for (const bucket of new Set(read.value.map((one) => one.bucket))) {
    const refused = authorizer.authorize(principal, {
      ...{ action: 'weft:PutBucketEvents', resource: bucketArn(bucket) },
      context: { 'aws:sourceip': sourceIp },
    })
    if (refused) return err(refused)
    // Whoever sends to a bucket that nobody listens to has set something up wrongly.
    if (!notifier.settings(account, bucket))
      return err(awsError('ResourceNotFoundException', `The bucket ${bucket} has no notification configuration.`))
  }
  const told = await Promise.all(read.value.map((one) => notifier.relay(account, one)))
  if (told.every(Boolean)) return ok(undefined)
  const message = 'Not everybody could be told of it. Try again.'
  return err(awsError('ServiceUnavailableException', message, { retryAfterSeconds: 1 }))
}
