import { err, ok, type Result } from '@weft/contracts'
import { type S3Result, xml } from './buckets.ts'
import { openSource } from './copy.ts'
import { type S3Error, type S3ErrorCode, s3Error } from './errors.ts'
import { bodyOf, conditionOf, etagIn, headersToKeep } from './objects.ts'
import { readXml, xmlList, xmlRecord } from './read-xml.ts'
import type { S3Call } from './s3-door.ts'
import { versionHeaders } from './versions.ts'

/** S3 user guide, "Multipart upload limits". */
const mostParts = 10_000
const mostListed = 1_000

const uploadIn = (call: S3Call, key: string) => ({ key, uploadId: call.query.get('uploadId') ?? '' })

/** CreateMultipartUpload. */
export async function createUpload(call: S3Call, bucket: string, key: string): S3Result {
  const kept = headersToKeep(call.request.headers)
  if (!kept.ok) return kept
  const begun = await call.store.uploads.begin(call.account, bucket, key, kept.value)
  if (!begun.ok) return err(s3Error('NoSuchBucket'))
  return ok(xml('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: begun.value }))
}

function partNumberIn({ query }: S3Call): Result<number, S3Error> {
  const text = query.get('partNumber') ?? ''
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= mostParts) return ok(number)
  return err(s3Error('InvalidArgument', `Part number must be an integer between 1 and ${mostParts}, inclusive`))
}

/** UploadPart, and UploadPartCopy where a source is named. */
export async function uploadPart(call: S3Call, bucket: string, key: string): S3Result {
  const number = partNumberIn(call)
  if (!number.ok) return number
  const { uploads } = call.store
  const upload = uploadIn(call, key)
  if (call.request.headers['x-amz-copy-source'] !== undefined) {
    const source = await openSource(call)
    if (!source.ok) return source
    const put = await uploads.putPart(call.account, bucket, upload, number.value, source.value.body)
    if (!put.ok) return err(s3Error(troubles[put.error]))
    const { etag, lastModifiedMs } = put.value
    const LastModified = new Date(lastModifiedMs).toISOString()
    return ok(xml('CopyPartResult', { LastModified, ETag: `"${etag}"` }))
  }
  const body = bodyOf(call)
  if (!body.ok) return body
  const put = await uploads.putPart(call.account, bucket, upload, number.value, [body.value])
  if (!put.ok) return err(s3Error(troubles[put.error]))
  return ok({ status: 200, headers: { etag: `"${put.value.etag}"` }, body: '' })
}

type WantedParts = readonly { readonly partNumber: number; readonly etag: string }[]

function wantedParts(body: Buffer): Result<WantedParts, S3Error> {
  const root = readXml(body, 'CompleteMultipartUpload')
  if (!root.ok) return root
  const wanted: { partNumber: number; etag: string }[] = []
  for (const item of xmlList(root.value.Part)) {
    const { PartNumber, ETag } = xmlRecord(item)
    if (typeof PartNumber !== 'string' || typeof ETag !== 'string' || !/^\d{1,5}$/.test(PartNumber))
      return err(s3Error('MalformedXML'))
    wanted.push({ partNumber: Number(PartNumber), etag: etagIn(ETag) })
  }
  if (wanted.length === 0) return err(s3Error('MalformedXML'))
  const inOrder = wanted.every(({ partNumber }, at) => at === 0 || partNumber > (wanted[at - 1]?.partNumber ?? 0))
  return inOrder ? ok(wanted) : err(s3Error('InvalidPartOrder'))
}

const troubles = {
  'no-upload': 'NoSuchUpload',
  'invalid-part': 'InvalidPart',
  'too-small': 'EntityTooSmall',
  'condition-failed': 'PreconditionFailed',
  'too-many-versions': 'InvalidRequest',
  'quota-exceeded': 'QuotaExceeded',
} as const satisfies Record<string, S3ErrorCode>

/** CompleteMultipartUpload. */
export async function completeUpload(call: S3Call, bucket: string, key: string): S3Result {
  const { account, store, request, notifier } = call
  const wanted = wantedParts(request.body)
  if (!wanted.ok) return wanted
  const condition = conditionOf(request.headers)
  if (!condition.ok) return condition
  const made = await store.uploads.complete(account, bucket, uploadIn(call, key), wanted.value, condition.value)
  if (!made.ok) return err(s3Error(troubles[made.error]))
  const event = 's3:ObjectCreated:CompleteMultipartUpload'
  const told = await notifier.tell(account, request, { bucket, key, event, object: made.value })
  if (!told.ok) return told
  const completed = xml('CompleteMultipartUploadResult', {
    ...{ Location: `/${bucket}/${key}`, Bucket: bucket, Key: key, ETag: `"${made.value.etag}"` },
  })
  return ok({ ...completed, headers: { ...completed.headers, ...versionHeaders(made.value) } })
}

export async function abortUpload(call: S3Call, bucket: string, key: string): S3Result {
  const done = await call.store.uploads.abort(call.account, bucket, uploadIn(call, key))
  return done.ok ? ok({ status: 204, headers: {}, body: '' }) : err(s3Error('NoSuchUpload'))
}

/** What of a list is shown, from a number the client names. */
function limitIn({ query }: S3Call, member: string): Result<number, S3Error> {
  const text = query.get(member) ?? `${mostListed}`
  if (!/^\d{1,9}$/.test(text))
    return err(s3Error('InvalidArgument', `Provided ${member} not an integer or within range`))
  return ok(Math.min(Number(text), mostListed))
}

export async function listParts(call: S3Call, bucket: string, key: string): S3Result {
  const most = limitIn(call, 'max-parts')
  if (!most.ok) return most
  const marker = call.query.get('part-number-marker') ?? '0'
  if (!/^\d{1,9}$/.test(marker)) return err(s3Error('InvalidArgument', 'Provided part-number-marker is no number'))
  const upload = uploadIn(call, key)
  const parts = await call.store.uploads.parts(call.account, bucket, upload)
  if (!parts.ok) return err(s3Error('NoSuchUpload'))
  const left = parts.value.filter(({ partNumber }) => partNumber > Number(marker))
  const shown = left.slice(0, most.value)
  const isTruncated = left.length > shown.length
  return ok(
    xml('ListPartsResult', {
      ...{ Bucket: bucket, Key: key, UploadId: upload.uploadId, PartNumberMarker: marker },
      NextPartNumberMarker: isTruncated ? shown.at(-1)?.partNumber : undefined,
      ...{ MaxParts: most.value, IsTruncated: isTruncated, StorageClass: 'STANDARD' },
      Part: shown.map(({ partNumber, sizeBytes, etag, lastModifiedMs }) => ({
        ...{ PartNumber: partNumber, LastModified: new Date(lastModifiedMs).toISOString() },
        ...{ ETag: `"${etag}"`, Size: sizeBytes },
      })),
    }),
  )
}

export async function listUploads(call: S3Call, bucket: string): S3Result {
  const { store, account, query } = call
  const most = limitIn(call, 'max-uploads')
  if (!most.ok) return most
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const prefix = query.get('prefix') ?? ''
  const [afterKey, afterId] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? '']
  const all = (await store.uploads.list(account, bucket)).filter(({ key }) => key.startsWith(prefix))
  const at = all.findIndex(({ key, uploadId }) => key === afterKey && uploadId === afterId)
  const left = at >= 0 ? all.slice(at + 1) : all.filter(({ key }) => afterKey === '' || key > afterKey)
  const shown = left.slice(0, most.value)
  const last = left.length > shown.length ? shown.at(-1) : undefined
  return ok(
    xml('ListMultipartUploadsResult', {
      ...{ Bucket: bucket, KeyMarker: afterKey, UploadIdMarker: afterId, Prefix: prefix },
      ...{ NextKeyMarker: last?.key, NextUploadIdMarker: last?.uploadId },
      ...{ MaxUploads: most.value, IsTruncated: last !== undefined },
      Upload: shown.map(({ key, uploadId, startedAtMs }) => ({
        ...{ Key: key, UploadId: uploadId, StorageClass: 'STANDARD', Initiated: new Date(startedAtMs).toISOString() },
      })),
    }),
  )
}
