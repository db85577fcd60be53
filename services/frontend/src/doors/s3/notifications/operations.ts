import { randomUUID } from 'node:crypto'
import { err, ok } from '@weft/contracts'
import { type S3Result, xml } from '../buckets.ts'
import { s3Error } from '../errors.ts'
import type { S3Call } from '../s3-door.ts'
import { readNotifications, showNotifications } from './configuration.ts'

/** PutBucketNotificationConfiguration: replaces all that was said before. */
export async function putNotifications(call: S3Call, bucket: string): S3Result {
  const { store, account, notifier, request } = call
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const read = readNotifications(request.body, randomUUID)
  if (!read.ok) return read
  const refused =
    request.headers['x-amz-skip-destination-validation'] === 'true'
      ? undefined
      : notifier.refusal(account, bucket, read.value)
  if (refused) return err(refused)
  const stored = await notifier.store(account, bucket, read.value)
  return stored ? ok({ status: 200, headers: {}, body: '' }) : err(s3Error('OperationAborted'))
}

export async function getNotifications({ store, account, notifier }: S3Call, bucket: string): S3Result {
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const { functions = [], targets = [], eventBridge = false } = notifier.settings(account, bucket) ?? {}
  return ok(xml('NotificationConfiguration', showNotifications({ functions, targets, eventBridge })))
}
