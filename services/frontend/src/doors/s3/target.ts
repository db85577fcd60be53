import { err, isBucketName, ok, type Result } from '@weft/contracts'
import type { DoorHead } from '../door.ts'
import { type S3Error, s3Error } from './errors.ts'

export interface S3Target {
  readonly bucket?: string
  /** Decoded; never empty. */
  readonly key?: string
  readonly query: ReadonlyMap<string, string>
}

/** S3 API reference: keys have up to 1,024 bytes of UTF-8. */
const longestKeyBytes = 1_024

/** Reads `/bucket/key?query`, or `/key` when the host is `<bucket>.localhost`. */
export function readTarget(head: DoorHead): Result<S3Target, S3Error> {
  const query = readQuery(head.rawQuery)
  if (!query) return err(s3Error('InvalidURI'))
  const hosted = /^([a-z0-9][a-z0-9-]{1,61}[a-z0-9])\.localhost(:\d+)?$/.exec(head.headers.host ?? '')?.[1]
  const path = hosted === undefined ? head.rawPath.slice(1) : `${hosted}${head.rawPath}`
  const slash = path.indexOf('/')
  const bucket = decode(slash < 0 ? path : path.slice(0, slash))
  const key = decode(slash < 0 ? '' : path.slice(slash + 1))
  if (bucket === undefined || key === undefined) return err(s3Error('InvalidURI'))
  if (bucket === '') return key === '' ? ok({ query }) : err(s3Error('InvalidBucketName'))
  if (!isBucketName(bucket)) return err(s3Error('InvalidBucketName'))
  if (Buffer.byteLength(key) > longestKeyBytes) return err(s3Error('KeyTooLongError'))
  return ok({ bucket, query, ...(key !== '' && { key }) })
}

/** Undefined for what is not percent-encoded UTF-8. A plus is a plus in a path. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The first of a repeated key counts. */
function readQuery(raw: string): Map<string, string> | undefined {
  const query = new Map<string, string>()
  for (const part of raw === '' ? [] : raw.split('&')) {
    const at = part.indexOf('=')
    const name = decode((at < 0 ? part : part.slice(0, at)).replaceAll('+', ' '))
    const value = decode((at < 0 ? '' : part.slice(at + 1)).replaceAll('+', ' '))
    if (name === undefined || value === undefined) return undefined
    if (!query.has(name)) query.set(name, value)
  }
  return query
}
