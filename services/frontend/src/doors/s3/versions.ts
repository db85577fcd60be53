import { err, ok, type Result } from '@weft/contracts'
import { nullVersion, type VersionInfo } from '@weft/nats'
import { encodeUrl, type S3Result, xml } from './buckets.ts'
import { type S3Error, s3Error } from './errors.ts'
import { readXml } from './read-xml.ts'
import type { S3Call } from './s3-door.ts'
import type { XmlMembers } from './xml.ts'

/** What a version shows in headers; nothing where its bucket keeps none. */
export const versionHeaders = (info: { readonly versionId?: string; readonly deleteMarker?: true } | undefined) => ({
  ...(info?.versionId !== undefined && { 'x-amz-version-id': info.versionId }),
  ...(info?.deleteMarker && { 'x-amz-delete-marker': 'true' }),
})

/** The version that a request asks for; "" is none. Errors: InvalidArgument. */
export function versionIn(query: ReadonlyMap<string, string>): Result<string | undefined, S3Error> {
  const versionId = query.get('versionId')
  if (versionId === undefined) return ok(undefined)
  if (versionId === '') return err(s3Error('InvalidArgument', 'Version id cannot be the empty string'))
  if (versionId !== nullVersion && !/^[\w-]{32}$/.test(versionId))
    return err(s3Error('InvalidArgument', 'Invalid version id specified'))
  return ok(versionId)
}

export async function getVersioning({ store, account }: S3Call, bucket: string): S3Result {
  const known = await store.versioning(account, bucket)
  return known ? ok(xml('VersioningConfiguration', { Status: known.status })) : err(s3Error('NoSuchBucket'))
}

export async function putVersioning({ store, account, request }: S3Call, bucket: string): S3Result {
  const root = readXml(request.body, 'VersioningConfiguration')
  if (!root.ok) return root
  const { Status: status, MfaDelete: mfa } = root.value
  if (mfa !== undefined && mfa !== 'Disabled') return err(s3Error('NotImplemented', 'There are no MFA devices.'))
  if (status !== 'Enabled' && status !== 'Suspended') return err(s3Error('IllegalVersioningConfigurationException'))
  const set = await store.setVersioning(account, bucket, status)
  return set.ok ? ok({ status: 200, headers: {}, body: '' }) : err(s3Error('NoSuchBucket'))
}

/** What comes after the markers of an earlier page. */
function isBehind(
  one: VersionInfo,
  seen: { readonly key: string; readonly versionId: string; passed: boolean },
): boolean {
  const order = Buffer.compare(Buffer.from(one.key), Buffer.from(seen.key))
  if (order !== 0) return order < 0
  if (seen.versionId === '' || seen.passed) return seen.versionId === ''
  if (one.versionId === seen.versionId) seen.passed = true
  return true
}

/** ListObjectVersions: versions and marks of deletion, by key and newest first; keys rolled up like those of ListObjects. */
export async function listVersions({ store, account, query }: S3Call, bucket: string): S3Result {
  const most = query.get('max-keys') ?? '1000'
  if (!/^\d{1,9}$/.test(most))
    return err(s3Error('InvalidArgument', 'Provided max-keys not an integer or within integer range'))
  const encoding = query.get('encoding-type')
  if (encoding !== undefined && encoding !== 'url')
    return err(s3Error('InvalidArgument', 'Invalid Encoding Method specified in Request'))
  const [prefix = '', delimiter = ''] = [query.get('prefix'), query.get('delimiter')]
  const [keyMarker = '', idMarker = ''] = [query.get('key-marker'), query.get('version-id-marker')]
  if (idMarker !== '' && keyMarker === '')
    return err(s3Error('InvalidArgument', 'A version-id marker cannot be specified without a key marker.'))
  if ((await store.bucketCreatedAtMs(account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const maxKeys = Math.min(Number(most), 1_000)
  const seen = { key: keyMarker, versionId: idMarker, passed: false }
  const shown: VersionInfo[] = []
  const prefixes: string[] = []
  let last: VersionInfo | undefined
  let more = false
  for (const one of await store.listVersions(account, bucket)) {
    if (!one.key.startsWith(prefix) || (keyMarker !== '' && isBehind(one, seen))) continue
    const at = delimiter === '' ? -1 : one.key.indexOf(delimiter, prefix.length)
    const rolled = at < 0 ? undefined : one.key.slice(0, at + delimiter.length)
    if (rolled !== undefined && (rolled === prefixes.at(-1) || keyMarker.startsWith(rolled))) {
      last = one
      continue
    }
    if (shown.length + prefixes.length >= maxKeys) {
      more = true
      break
    }
    if (rolled === undefined) shown.push(one)
    else prefixes.push(rolled)
    last = one
  }
  const text = (value: string): string => (encoding === 'url' ? encodeUrl(value) : value)
  return ok(
    xml('ListVersionsResult', {
      ...{ Name: bucket, Prefix: text(prefix), KeyMarker: text(keyMarker), VersionIdMarker: idMarker },
      ...{ MaxKeys: maxKeys, EncodingType: encoding, IsTruncated: more },
      Delimiter: delimiter === '' ? undefined : text(delimiter),
      NextKeyMarker: more && last ? text(last.key) : undefined,
      NextVersionIdMarker: more && last ? last.versionId : undefined,
      Version: shown
        .filter(({ deleteMarker }) => !deleteMarker)
        .map((one) => ({ ...common(one, account, text), ...ofObject(one) })),
      DeleteMarker: shown.filter(({ deleteMarker }) => deleteMarker).map((one) => common(one, account, text)),
      CommonPrefixes: prefixes.map((one) => ({ Prefix: text(one) })),
    }),
  )
}

const common = (one: VersionInfo, account: string, text: (value: string) => string): XmlMembers => ({
  ...{ Key: text(one.key), VersionId: one.versionId, IsLatest: one.isLatest },
  ...{ LastModified: new Date(one.lastModifiedMs).toISOString(), Owner: { ID: account, DisplayName: account } },
})

const ofObject = ({ etag, sizeBytes }: VersionInfo): XmlMembers => ({
  ...{ ETag: `"${etag}"`, Size: sizeBytes, StorageClass: 'STANDARD' },
})
