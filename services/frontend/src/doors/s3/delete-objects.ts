import { err, ok } from '@weft/contracts'
import { type S3Result, xml } from './buckets.ts'
import { wrongChecksum } from './checksums.ts'
import { s3Error, s3Errors } from './errors.ts'
import { removeObject } from './objects.ts'
import { malformedXml, readXml, type XmlRecord, xmlList, xmlRecord } from './read-xml.ts'
import type { S3Call } from './s3-door.ts'
import { versionIn } from './versions.ts'

/** API reference, DeleteObjects. */
const mostKeys = 1_000
/** Objects of one request that are removed at the same time. */
const atOnce = 16

interface Outcome {
  readonly Key: string
  readonly VersionId?: string
  readonly DeleteMarker?: true
  readonly DeleteMarkerVersionId?: string
  readonly Code?: string
  readonly Message?: string
}

/** DeleteObjects: each key by itself, by the caller's rights on it. */
export async function deleteObjects(call: S3Call, bucket: string): S3Result {
  const { body, headers } = call.request
  const wrong = wrongChecksum(body, (name) => headers[name])
  if (wrong) return err(s3Error(wrong.malformed ? 'InvalidDigest' : 'BadDigest'))
  const root = readXml(body, 'Delete')
  if (!root.ok) return root
  const items = xmlList(root.value.Object).map(xmlRecord)
  if (items.length === 0 || items.length > mostKeys) return malformedXml()
  if (!items.every(isNamed)) return malformedXml()
  if ((await call.store.bucketCreatedAtMs(call.account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const outcomes: Outcome[] = []
  const left = [...items.filter(isNamed).entries()].reverse()
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) outcomes[next[0]] = await removeOne(call, bucket, next[1])
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const quiet = root.value.Quiet === 'true'
  return ok(
    xml('DeleteResult', {
      Deleted: quiet ? [] : outcomes.filter(({ Code }) => Code === undefined).map((one) => ({ ...one })),
      Error: outcomes.flatMap(({ Key, Code, Message }) => (Code === undefined ? [] : [{ Key, Code, Message }])),
    }),
  )
}

interface Named {
  readonly Key: string
  readonly VersionId?: string
}

const isNamed = (item: XmlRecord): item is XmlRecord & Named =>
  typeof item.Key === 'string' && item.Key !== '' && ['string', 'undefined'].includes(typeof item.VersionId)

async function removeOne(call: S3Call, bucket: string, { Key, VersionId }: Named): Promise<Outcome> {
  const named = { Key, ...(VersionId !== undefined && { VersionId }) }
  const version = versionIn(new Map(VersionId === undefined ? [] : [['versionId', VersionId]]))
  const action = VersionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion'
  const allowed = version.ok ? call.may(action, `arn:aws:s3:::${bucket}/${Key}`) : version
  const done = allowed.ok ? await removeObject(call, bucket, Key, VersionId) : allowed
  if (done.ok) {
    const { deleteMarker, versionId = '' } = done.value ?? {}
    return { ...named, ...(deleteMarker && { DeleteMarker: deleteMarker, DeleteMarkerVersionId: versionId }) }
  }
  const { code, message } = done.error
  return { ...named, Code: code, Message: message ?? s3Errors[code][1] }
}
