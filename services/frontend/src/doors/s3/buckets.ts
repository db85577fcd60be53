import { err, ok, type Result } from '@weft/contracts'
import type { ObjectInfo } from '@weft/nats'
import type { DoorResponse } from '../door.ts'
import { type S3Error, s3Error } from './errors.ts'
import { formatPlace, type ListQuery, listPage, parsePlace } from './listing.ts'
import type { S3Call } from './s3-door.ts'
import { type XmlMembers, xmlDocument } from './xml.ts'

export const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

export const xml = (root: string, values: XmlMembers): DoorResponse => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body: xmlDocument(root, values, namespace),
})

export type S3Result = Promise<Result<DoorResponse, S3Error>>

const iso = (ms: number): string => new Date(ms).toISOString()

export async function listBuckets({ store, account }: S3Call): S3Result {
  const found = await store.buckets(account)
  return ok(
    xml('ListAllMyBucketsResult', {
      Owner: { ID: account, DisplayName: account },
      Buckets: { Bucket: found.map((b) => ({ Name: b.name, CreationDate: iso(b.createdAtMs) })) },
    }),
  )
}

export async function createBucket({ store, account, region }: S3Call, bucket: string): S3Result {
  const created = await store.createBucket(account, bucket)
  // The oldest region alone takes a repetition for a success.
  if (!created.ok && region !== 'us-east-1') return err(s3Error('BucketAlreadyOwnedByYou'))
  return ok({ status: 200, headers: { location: `/${bucket}` }, body: '' })
}

export async function headBucket({ store, account, region }: S3Call, bucket: string): S3Result {
  const there = await store.bucketCreatedAtMs(account, bucket)
  if (there === undefined) return err(s3Error('NoSuchBucket'))
  return ok({ status: 200, headers: { 'x-amz-bucket-region': region }, body: '' })
}

export async function deleteBucket({ store, account, notifier }: S3Call, bucket: string): S3Result {
  const removed = await store.deleteBucket(account, bucket)
  if (!removed.ok) return err(s3Error(removed.error === 'missing' ? 'NoSuchBucket' : 'BucketNotEmpty'))
  if (!(await notifier.forget(account, bucket))) return err(s3Error('OperationAborted'))
  return ok({ status: 204, headers: {}, body: '' })
}

export async function getBucketLocation({ store, account, region }: S3Call, bucket: string): S3Result {
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  // An empty element stands for the oldest region.
  return ok({ ...xml('LocationConstraint', {}), body: xmlLocation(region === 'us-east-1' ? '' : region) })
}

const xmlLocation = (region: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="${namespace}">${region}</LocationConstraint>`

export async function listObjectsV2(call: S3Call, bucket: string): S3Result {
  const { store, account, query } = call
  const encoding = query.get('encoding-type')
  if (encoding !== undefined && encoding !== 'url')
    return err(s3Error('InvalidArgument', 'Invalid Encoding Method specified in Request'))
  const asked = readListQuery(query)
  if (!asked.ok) return asked
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const page = listPage(await store.list(account, bucket), asked.value)
  const shown = (text: string): string => (encoding === 'url' ? encodeUrl(text) : text)
  const token = query.get('continuation-token')
  return ok(
    xml('ListBucketResult', {
      Name: bucket,
      Prefix: shown(asked.value.prefix),
      Delimiter: asked.value.delimiter === '' ? undefined : shown(asked.value.delimiter),
      MaxKeys: asked.value.maxKeys,
      EncodingType: encoding,
      KeyCount: page.objects.length + page.prefixes.length,
      IsTruncated: page.next !== undefined,
      ContinuationToken: token,
      NextContinuationToken: page.next && formatPlace(page.next),
      StartAfter: asked.value.startAfter === '' ? undefined : shown(asked.value.startAfter),
      Contents: page.objects.map((object) => contents(object, shown)),
      CommonPrefixes: page.prefixes.map((prefix) => ({ Prefix: shown(prefix) })),
    }),
  )
}

const contents = (object: ObjectInfo, shown: (text: string) => string): XmlMembers => ({
  Key: shown(object.key),
  LastModified: iso(object.lastModifiedMs),
  ETag: `"${object.etag}"`,
  Size: object.sizeBytes,
  StorageClass: 'STANDARD',
})

/** A slash stays, as S3 has it. */
export const encodeUrl = (text: string): string => encodeURIComponent(text.toWellFormed()).replaceAll('%2F', '/')

function readListQuery(query: ReadonlyMap<string, string>): Result<ListQuery, S3Error> {
  const maxKeys = query.get('max-keys') ?? '1000'
  if (!/^\d{1,9}$/.test(maxKeys))
    return err(s3Error('InvalidArgument', 'Provided max-keys not an integer or within integer range'))
  const token = query.get('continuation-token')
  const after = token === undefined ? undefined : parsePlace(token)
  if (after && !after.ok) return err(s3Error('InvalidArgument', 'The continuation token provided is incorrect'))
  return ok({
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    maxKeys: Math.min(Number(maxKeys), 1_000),
    startAfter: query.get('start-after') ?? '',
    ...(after?.ok && { after: after.value }),
  })
}
