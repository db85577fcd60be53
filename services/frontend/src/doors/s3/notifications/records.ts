import { randomUUID } from 'node:crypto'
import { type AccountId, bucketArn } from '@weft/contracts'
import { type BusEvent, eventTime } from '@weft/delivery'
import type { ObjectInfo } from '@weft/nats'
import type { DoorRequest } from '../../door.ts'

/** What has happened to an object. */
export interface ObjectChange {
  readonly bucket: string
  readonly key: string
  /** `s3:ObjectCreated:Put` and its kin. */
  readonly event: string
  /** Absent: it was removed. */
  readonly object?: ObjectInfo
}

/** Something to be told of, in the words of whoever hears it. */
export interface Happening {
  readonly bucket: string
  readonly key: string
  readonly event: string
  /** UUID; equal for the same happening told twice. */
  readonly id: string
  /** An element of `Records`. S3 user guide, "Event message structure", version 2.1. */
  readonly record: (configurationId: string) => object
  readonly busEvent: () => BusEvent
}

interface Where {
  readonly account: AccountId
  readonly region: string
  readonly nowMs: number
}

/** EventBridge: the operation that made the event. */
const reasons: Readonly<Record<string, string>> = {
  ...{ Put: 'PutObject', Copy: 'CopyObject', Post: 'POST Object', CompleteMultipartUpload: 'CompleteMultipartUpload' },
  ...{ Delete: 'DeleteObject', DeleteMarkerCreated: 'DeleteObject' },
}

/** As forms encode it, a space as a plus. */
export const encodeKey = (key: string): string =>
  new URLSearchParams([['', key]]).toString().slice(1).replaceAll('%2F', '/')

/** A change that a request has made in a bucket of the fabric's own. */
export function ownHappening(request: DoorRequest, change: ObjectChange, where: Where): Happening {
  const { bucket, key, event, object } = change
  const { account, region, nowMs } = where
  const versionId = object?.versionId
  const version = versionId === undefined ? {} : { versionId }
  const busVersion = versionId === undefined ? {} : { 'version-id': versionId }
  const sequencer = (object?.lastModifiedMs ?? nowMs).toString(16).toUpperCase().padStart(16, '0')
  return {
    ...{ bucket, key, event, id: randomUUID() },
    record: (configurationId) => ({
      ...{ eventVersion: '2.1', eventSource: 'aws:s3', awsRegion: region, eventName: event.slice('s3:'.length) },
      eventTime: new Date(object?.lastModifiedMs ?? nowMs).toISOString(),
      userIdentity: { principalId: `AWS:${request.principal.arn}` },
      requestParameters: { sourceIPAddress: request.sourceIp ?? '' },
      responseElements: { 'x-amz-request-id': request.requestId, 'x-amz-id-2': request.requestId },
      s3: {
        ...{ s3SchemaVersion: '1.0', configurationId },
        bucket: { name: bucket, ownerIdentity: { principalId: account }, arn: bucketArn(bucket) },
        object: {
          key: encodeKey(key),
          ...(object && { size: object.sizeBytes, eTag: object.etag, ...version }),
          sequencer,
        },
      },
    }),
    busEvent: () =>
      busEventOf(where, change, {
        object: { key, ...(object && { size: object.sizeBytes, etag: object.etag, ...busVersion }), sequencer },
        ...{ 'request-id': request.requestId, requester: account, 'source-ip-address': request.sourceIp ?? '' },
      }),
  }
}

/** What EventBridge is told of a bucket. EventBridge reference, "Amazon S3 events". */
export function busEventOf(
  { account, region, nowMs }: Where,
  { bucket, event }: Pick<ObjectChange, 'bucket' | 'event'>,
  detail: Readonly<Record<string, unknown>>,
): BusEvent {
  const created = event.startsWith('s3:ObjectCreated:')
  const marked = event.endsWith(':DeleteMarkerCreated')
  const reason = reasons[event.split(':').at(-1) ?? '']
  return {
    ...{
      version: '0',
      id: randomUUID(),
      'detail-type': created ? 'Object Created' : 'Object Deleted',
      source: 'aws.s3',
    },
    ...{ account, time: eventTime(nowMs), region, resources: [bucketArn(bucket)] },
    detail: {
      ...{ version: '0', bucket: { name: bucket }, ...detail, ...(reason !== undefined && { reason }) },
      ...(!created && { 'deletion-type': marked ? 'Delete Marker Created' : 'Permanently Deleted' }),
    },
  }
}
