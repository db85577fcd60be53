import { err, ok } from '@weft/contracts'
import { type S3Result, xml } from './buckets.ts'
import { wrongChecksum } from './checksums.ts'
import { s3Error, s3Errors } from './errors.ts'
import { removeObject } from './objects.ts'
import { malformedXml, readXml, xmlList, xmlRecord } from './read-xml.ts'
import type { S3Call } from './s3-door.ts'

/** API reference, DeleteObjects. */
const mostKeys = 1_000
/** Objects of one request that are removed at the same time. */
const atOnce = 16

interface Outcome {
  readonly Key: string
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
  const keys = items.map(({ Key }) => Key)
  if (keys.length === 0 || keys.length > mostKeys) return malformedXml()
  if (!keys.every((key): key is string => typeof key === 'string' && key !== '')) return malformedXml()
  if (items.some(({ VersionId }) => VersionId !== undefined))
    return err(s3Error('NotImplemented', 'Objects have no versions in this fabric.'))
  if ((await call.store.bucketCreatedAtMs(call.account, bucket)) === undefined) return err(s3Error('NoSuchBucket'))
  const outcomes: Outcome[] = []
  const left = [...keys.entries()].reverse()
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) outcomes[next[0]] = await removeOne(call, bucket, next[1])
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const quiet = root.value.Quiet === 'true'
  return ok(
    xml('DeleteResult', {
      Deleted: quiet ? [] : outcomes.filter(({ Code }) => Code === undefined).map(({ Key }) => ({ Key })),
      Error: outcomes.flatMap(({ Key, Code, Message }) => (Code === undefined ? [] : [{ Key, Code, Message }])),
    }),
  )
}

async function removeOne(call: S3Call, bucket: string, key: string): Promise<Outcome> {
  const allowed = call.may('s3:DeleteObject', `arn:aws:s3:::${bucket}/${key}`)
  const done = allowed.ok ? await removeObject(call, bucket, key) : allowed
  if (done.ok) return { Key: key }
  const { code, message } = done.error
  return { Key: key, Code: code, Message: message ?? s3Errors[code][1] }
}
