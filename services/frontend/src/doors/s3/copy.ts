import { err, isBucketName, ok, type Result } from '@weft/contracts'
import type { ObjectInfo, OpenObject } from '@weft/nats'
import { type S3Result, xml } from './buckets.ts'
import { type S3Error, s3Error } from './errors.ts'
import { etagIn, headersToKeep, notThere, putRefusals } from './objects.ts'
import type { S3Call } from './s3-door.ts'
import { versionHeaders, versionIn } from './versions.ts'

interface Source {
  readonly bucket: string
  readonly key: string
  readonly versionId?: string
}

/** `x-amz-copy-source`: `/bucket/key` or `bucket/key`, percent-encoded. */
function sourceIn({ request }: S3Call): Result<Source, S3Error> {
  const given = request.headers['x-amz-copy-source'] ?? ''
  const [path = '', query] = given.split('?')
  const version = versionIn(new Map(new URLSearchParams(query)))
  if (!version.ok) return version
  let plain: string
  try {
    plain = decodeURIComponent(path.replaceAll('+', '%20')).replace(/^\//, '')
  } catch {
    return err(s3Error('InvalidArgument', 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey'))
  }
  const slash = plain.indexOf('/')
  const [bucket, key] = [plain.slice(0, Math.max(0, slash)), plain.slice(slash + 1)]
  if (slash < 1 || key === '' || !isBucketName(bucket))
    return err(s3Error('InvalidArgument', 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey'))
  return ok({ bucket, key, ...(version.value !== undefined && { versionId: version.value }) })
}

/** `bytes=first-last`, as UploadPartCopy takes it. */
function rangeIn({ request }: S3Call): Result<{ readonly first: number; readonly last: number } | undefined, S3Error> {
  const text = request.headers['x-amz-copy-source-range']
  if (text === undefined) return ok(undefined)
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text) ?? []
  if (first === undefined || Number(first) > Number(last))
    return err(
      s3Error(
        'InvalidArgument',
        'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      ),
    )
  return ok({ first: Number(first), last: Number(last) })
}

/** The object that a request copies from, if its caller may read it and what the request asks of it holds. */
export async function openSource(call: S3Call): Promise<Result<OpenObject & { readonly source: Source }, S3Error>> {
  const { store, account, request, may } = call
  const source = sourceIn(call)
  if (!source.ok) return source
  const range = rangeIn(call)
  if (!range.ok) return range
  const { bucket, key, versionId } = source.value
  const allowed = may(versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion', `arn:aws:s3:::${bucket}/${key}`)
  if (!allowed.ok) return allowed
  for (const name of ['x-amz-copy-source-if-modified-since', 'x-amz-copy-source-if-unmodified-since'])
    if (request.headers[name] !== undefined) return err(s3Error('NotImplemented'))
  let beyond = false
  const rangeOf = (info: ObjectInfo) => {
    beyond = range.value !== undefined && range.value.last >= info.sizeBytes
    return beyond ? { first: 0, last: -1 } : range.value
  }
  const found = await store.open(account, bucket, key, rangeOf, versionId)
  if (!found) return err(await notThere(call, bucket, versionId))
  if (found.info.deleteMarker)
    return err(
      versionId === undefined
        ? s3Error('NoSuchKey')
        : s3Error(
            'InvalidRequest',
            'The source of a copy request may not specifically refer to a delete marker by version id.',
          ),
    )
  if (beyond)
    return err(
      s3Error('InvalidArgument', `Range specified is not valid for source object of size: ${found.info.sizeBytes}`),
    )
  const { etag } = found.info
  const match = request.headers['x-amz-copy-source-if-match']
  const none = request.headers['x-amz-copy-source-if-none-match']
  if ((match !== undefined && etagIn(match) !== etag) || (none !== undefined && etagIn(none) === etag))
    return err(s3Error('PreconditionFailed'))
  return ok({ ...found, source: source.value })
}

/** CopyObject: the bytes go from the store to the store, part by part. */
export async function copyObject(call: S3Call, bucket: string, key: string): S3Result {
  const { store, account, request, notifier } = call
  const directive = request.headers['x-amz-metadata-directive'] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE')
    return err(s3Error('InvalidArgument', 'Unknown metadata directive.'))
  const kept = headersToKeep(request.headers)
  if (!kept.ok) return kept
  const opened = await openSource(call)
  if (!opened.ok) return opened
  const { source, info, body } = opened.value
  if (directive === 'COPY' && source.bucket === bucket && source.key === key && source.versionId === undefined)
    return err(
      s3Error(
        'InvalidRequest',
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
      ),
    )
  const put = await store.put(account, bucket, key, body, directive === 'COPY' ? info.headers : kept.value)
  if (!put.ok) return err(putRefusals[put.error])
  const event = 's3:ObjectCreated:Copy'
  const told = await notifier.tell(account, request, { bucket, key, event, object: put.value })
  if (!told.ok) return told
  const { lastModifiedMs, etag } = put.value
  const copied = xml('CopyObjectResult', { LastModified: new Date(lastModifiedMs).toISOString(), ETag: `"${etag}"` })
  const from = info.versionId === undefined ? {} : { 'x-amz-copy-source-version-id': info.versionId }
  return ok({ ...copied, headers: { ...copied.headers, ...versionHeaders(put.value), ...from } })
}
