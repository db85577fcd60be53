import { parseAwsChunked } from '@weft/aws'
import { err, ok, type Result } from '@weft/contracts'
import { mostVersions, type ObjectInfo, type PutCondition } from '@weft/nats'
import type { S3Result } from './buckets.ts'
import { wrongChecksum } from './checksums.ts'
import { copyObject } from './copy.ts'
import { type S3Error, s3Error } from './errors.ts'
import { readRange } from './range.ts'
import type { S3Call } from './s3-door.ts'
import { versionHeaders, versionIn } from './versions.ts'

/** S3 API reference: user metadata, names and values together. */
const metadataBytes = 2_048
/** Given back with the object as they came. */
const keptHeaders = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]

export async function putObject(call: S3Call, bucket: string, key: string): S3Result {
  const { headers } = call.request
  if (headers['x-amz-copy-source'] !== undefined) return copyObject(call, bucket, key)
  const body = bodyOf(call)
  if (!body.ok) return body
  const kept = headersToKeep(headers)
  if (!kept.ok) return kept
  const condition = conditionOf(headers)
  if (!condition.ok) return condition
  const put = await call.store.put(call.account, bucket, key, body.value, kept.value, condition.value)
  if (!put.ok) return err(putRefusals[put.error])
  const event = 's3:ObjectCreated:Put'
  const told = await call.notifier.tell(call.account, call.request, { bucket, key, event, object: put.value })
  const versioned = { etag: `"${put.value.etag}"`, ...versionHeaders(put.value) }
  return told.ok ? ok({ status: 200, headers: versioned, body: '' }) : told
}

/** Why an object is not put. */
export const putRefusals = {
  'no-bucket': s3Error('NoSuchBucket'),
  'condition-failed': s3Error('PreconditionFailed'),
  'quota-exceeded': s3Error('QuotaExceeded'),
  'too-many-versions': s3Error('InvalidRequest', `A key has ${mostVersions} versions at most in this fabric.`),
} as const

/** The bytes themselves, without framing, checked against what the caller says of them. */
export function bodyOf({ request: { body, headers } }: S3Call): Result<Buffer, S3Error> {
  const streaming = headers['x-amz-content-sha256']?.startsWith('STREAMING-') ?? false
  const parsed = streaming ? parseAwsChunked(body) : ok({ chunks: [{ data: body }], trailers: [] })
  if (!parsed.ok) return err(s3Error('IncompleteBody', 'The request body is not well-formed aws-chunked.'))
  const { chunks, trailers } = parsed.value
  const bytes = streaming ? Buffer.concat(chunks.map(({ data }) => data)) : body
  const length = headers['x-amz-decoded-content-length']
  if (streaming && length !== undefined && length !== String(bytes.length)) return err(s3Error('IncompleteBody'))
  const wrong = wrongChecksum(bytes, (name) => headers[name] ?? trailers.find((one) => one.name === name)?.value)
  if (wrong) return err(s3Error(wrong.malformed ? 'InvalidDigest' : 'BadDigest'))
  return ok(bytes)
}

export function headersToKeep(headers: Readonly<Record<string, string>>): Result<Record<string, string>, S3Error> {
  const kept: Record<string, string> = {}
  let bytes = 0
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-meta-')) bytes += name.length - 'x-amz-meta-'.length + Buffer.byteLength(value)
    else if (!keptHeaders.includes(name)) continue
    kept[name] = value
  }
  if (bytes > metadataBytes) return err(s3Error('MetadataTooLarge'))
  const encoding = kept['content-encoding']
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== 'aws-chunked' && one !== '')
  if (encoding?.length) kept['content-encoding'] = encoding.join(', ')
  else delete kept['content-encoding']
  return ok(kept)
}

/** The value of an ETag as headers and bodies quote it. */
export const etagIn = (text: string): string => text.trim().replace(/^"(.*)"$/, '$1')

export function conditionOf(headers: Readonly<Record<string, string>>): Result<PutCondition | undefined, S3Error> {
  const none = headers['if-none-match']
  const match = headers['if-match']
  if (none !== undefined)
    return none === '*' && match === undefined ? ok({ kind: 'absent' }) : err(s3Error('NotImplemented'))
  return ok(match === undefined ? undefined : { kind: 'matches', etag: etagIn(match) })
}

export const notThere = async ({ store, account }: S3Call, bucket: string, versionId?: string): Promise<S3Error> => {
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return s3Error('NoSuchBucket')
  return s3Error(versionId === undefined ? 'NoSuchKey' : 'NoSuchVersion')
}

/** A mark of deletion is no object: asked for by its id it is the wrong thing to read, else nothing is there. */
const isDeleted = (info: ObjectInfo, versionId: string | undefined): S3Error => ({
  ...s3Error(versionId === undefined ? 'NoSuchKey' : 'MethodNotAllowed'),
  headers: { ...versionHeaders(info), ...(versionId !== undefined && { allow: 'DELETE' }) },
})

const headersOf = (info: ObjectInfo): Record<string, string> => ({
  'content-type': 'binary/octet-stream',
  ...info.headers,
  etag: `"${info.etag}"`,
  ...versionHeaders(info),
  'last-modified': new Date(info.lastModifiedMs).toUTCString(),
  'accept-ranges': 'bytes',
})

/** 304 and 412 as RFC 9110 has them; undefined when the object is to be sent. */
function byCondition(info: ObjectInfo, headers: Readonly<Record<string, string>>): 'unchanged' | 'failed' | undefined {
  const match = headers['if-match']
  if (match !== undefined && match !== '*' && !match.split(',').some((etag) => etagIn(etag) === info.etag))
    return 'failed'
  const none = headers['if-none-match']
  if (none !== undefined) {
    const same = none === '*' || none.split(',').some((etag) => etagIn(etag) === info.etag)
    return same ? 'unchanged' : undefined
  }
  const since = Date.parse(headers['if-modified-since'] ?? '')
  // The header has whole seconds.
  return Math.floor(info.lastModifiedMs / 1_000) * 1_000 <= since ? 'unchanged' : undefined
}

/** GetObject and HeadObject. */
export async function getObject(call: S3Call, bucket: string, key: string): S3Result {
  const { request } = call
  let range: ReturnType<typeof readRange>
  const version = versionIn(call.query)
  if (!version.ok) return version
  const rangeOf = (info: ObjectInfo) => {
    range = readRange(request.headers.range, info.sizeBytes)
    return range === 'unsatisfiable' ? { first: 0, last: -1 } : range
  }
  const found = await call.store.open(call.account, bucket, key, rangeOf, version.value)
  if (!found) return err(await notThere(call, bucket, version.value))
  const { info } = found
  if (info.deleteMarker) return err(isDeleted(info, version.value))
  const common = headersOf(info)
  const condition = byCondition(info, request.headers)
  if (condition === 'failed') return err(s3Error('PreconditionFailed'))
  if (condition === 'unchanged') return ok({ status: 304, headers: { etag: common.etag ?? '' }, body: '' })
  if (range === 'unsatisfiable') return err(s3Error('InvalidRange'))
  const bytes = range ? range.last - range.first + 1 : info.sizeBytes
  const headers = {
    ...common,
    'content-length': String(bytes),
    ...(range && { 'content-range': `bytes ${range.first}-${range.last}/${info.sizeBytes}` }),
  }
  const status = range ? 206 : 200
  if (request.method === 'HEAD') return ok({ status, headers, body: '' })
  return ok({ status, headers, body: found.body })
}

export async function deleteObject(call: S3Call, bucket: string, key: string): S3Result {
  const version = versionIn(call.query)
  if (!version.ok) return version
  if ((await call.store.bucketCreatedAtMs(call.account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const removed = await removeObject(call, bucket, key, version.value)
  if (!removed.ok) return removed
  const { versionId, deleteMarker } = { versionId: version.value, ...removed.value }
  const about = { ...(versionId !== undefined && { versionId }), ...(deleteMarker && { deleteMarker }) }
  return ok({ status: 204, headers: versionHeaders(about), body: '' })
}

/** Removes an object, or a version of it, of a bucket that is there, and tells of it. Gives what the store tells. */
export async function removeObject(
  call: S3Call,
  bucket: string,
  key: string,
  versionId?: string,
): Promise<Result<ObjectInfo | undefined, S3Error>> {
  const { store, account, notifier, request } = call
  // Nothing happens to a key that is not there.
  const known = notifier.settings(account, bucket) && (await store.info(account, bucket, key))
  const removed = await store.remove(account, bucket, key, versionId)
  if (!(versionId === undefined ? known : removed)) return ok(removed)
  const marked = versionId === undefined && removed?.deleteMarker
  const event = marked ? 's3:ObjectRemoved:DeleteMarkerCreated' : 's3:ObjectRemoved:Delete'
  const told = await notifier.tell(account, request, { bucket, key, event })
  return told.ok ? ok(removed) : told
}
