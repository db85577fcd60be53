import { bucketArn } from '@weft/contracts'
import type { Posted } from '@weft/delivery'
import type { Outgoing } from './deliver.ts'

/** S3 tells no figures of its own; those of a rule of EventBridge. */
const retryPolicy = { maximumEventAgeSeconds: 86_400, maximumRetryAttempts: 185 }

/** What a bucket's notice becomes: one message for its queue or topic, whose leave was asked when it was posted. */
export function* followNotice({ accountId, bucket, notice }: Extract<Posted, { kind: 'notice' }>): Iterable<Outgoing> {
  const { id, configurationId, targetArn, payload } = notice
  yield {
    from: { accountId, name: bucket, arn: bucketArn(bucket), service: 's3.amazonaws.com' },
    target: { id: configurationId, arn: targetArn, ...retryPolicy },
    ...{ payload, messageId: id, subject: 'Amazon S3 Notification' },
  }
}
