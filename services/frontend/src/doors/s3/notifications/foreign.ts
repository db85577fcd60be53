import { type AccountId, err, isBucketName, ok, type Result, requestIdOfMessage } from '@weft/contracts'
import { busEventOf, type Happening } from './records.ts'

/** Records of one message. */
const mostRecords = 100
type Plain = Readonly<Record<string, unknown>>

const plain = (value: unknown): Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Plain) : {}
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/**
 * Reads what another store says has happened in its buckets: S3's message (`{"Records": […]}`), as MinIO and others send it to
 * webhooks and NATS subjects, too. The error is a sentence for whoever set the store up.
 */
export function readForeign(
  body: Uint8Array,
  where: { readonly account: AccountId; readonly region: string; readonly nowMs: number },
): Result<readonly Happening[], string> {
  let message: unknown
  try {
    message = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return err('The message is not JSON.')
  }
  const { Records: records } = plain(message)
  if (!Array.isArray(records) || records.length === 0 || records.length > mostRecords)
    return err(`Records must be a list of 1 to ${mostRecords} records.`)
  const happenings: Happening[] = []
  for (const [at, record] of (records as unknown[]).entries()) {
    const read = readRecord(plain(record), where)
    if (!read.ok) return err(`Record ${at}: ${read.error}`)
    happenings.push(read.value)
  }
  return ok(happenings)
}

function readRecord(record: Plain, where: Parameters<typeof readForeign>[1]): Result<Happening, string> {
  const s3 = plain(record.s3)
  const object = plain(s3.object)
  const bucket = text(plain(s3.bucket).name)
  if (!isBucketName(bucket)) return err('s3.bucket.name is no name of a bucket here.')
  const name = text(record.eventName).replace(/^s3:/, '')
  if (!/^Object(Created|Removed):\w{1,64}$/.test(name))
    return err('eventName is neither ObjectCreated:… nor ObjectRemoved:….')
  const key = decodeKey(text(object.key))
  if (key === undefined || key === '') return err('s3.object.key is missing or not encoded as in a form.')
  const event = `s3:${name}`
  const told = `${bucket}/${key} ${name} ${text(object.sequencer)} ${text(record.eventTime)}`
  const { size, eTag, sequencer } = object
  return ok({
    ...{ bucket, key, event, id: requestIdOfMessage(`s3 ${where.account}`, told, 0) },
    record: (configurationId) => ({
      ...record,
      eventSource: 'aws:s3',
      eventName: name,
      s3: { ...s3, configurationId },
    }),
    busEvent: () => ({
      ...busEventOf(where, { bucket, event }, { object: { key, size, etag: eTag, sequencer } }),
      id: requestIdOfMessage(`s3 bus ${where.account}`, told, 0),
    }),
  })
}

function decodeKey(key: string): string | undefined {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
