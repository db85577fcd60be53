import type { JetStreamArn } from '@weft/contracts'
import { utf8 } from './jetstream-records.ts'
import { type SourceRecord, sourceRecord } from './source-record.ts'

/** A value of a key, as it was or became. */
export interface KeyImage {
  readonly value: Uint8Array
  readonly revision: number
}

/** A change of a key in a key-value bucket. */
export interface KeyChange {
  readonly key: string
  readonly revision: number
  readonly storedAtMs: number
  /** Absent: removed. */
  readonly after?: KeyImage
  /** Absent: there was none, or it is not known any more. */
  readonly before?: KeyImage
  /** The key was there before, though what it held may be unknown. */
  readonly existed: boolean
}

/** DynamoDB's way to write a value with its type. */
type Attribute =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly L: readonly Attribute[] }
  | { readonly M: Readonly<Record<string, Attribute>> }

/**
 * An element of `Records` as of a DynamoDB stream (developer guide, with-ddb), for a mapping on a key-value bucket. An
 * image has the attributes `key`, `revision` and `value`: JSON as what it is, other text as a string, the rest as bytes.
 */
export function bucketRecord(change: KeyChange, arn: string, { region, name }: JetStreamArn): SourceRecord {
  const { key, revision, after, before } = change
  const element = {
    eventID: `${name}:${revision}`,
    eventName: after ? (change.existed ? 'MODIFY' : 'INSERT') : 'REMOVE',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: region,
    dynamodb: {
      ApproximateCreationDateTime: change.storedAtMs / 1_000,
      Keys: { key: { S: key } },
      ...(after && { NewImage: imageOf(key, after) }),
      ...(before && { OldImage: imageOf(key, before) }),
      SequenceNumber: `${revision}`,
      SizeBytes: (after?.value.length ?? 0) + (before?.value.length ?? 0) + key.length,
      StreamViewType: 'NEW_AND_OLD_IMAGES',
    },
    eventSourceARN: arn,
  }
  return sourceRecord(
    {
      id: `${revision}`,
      storedAtMs: change.storedAtMs,
      orderKey: key,
      view: { members: element },
      receiveCount: 1,
      raw: after?.value ?? new Uint8Array(),
    },
    element,
  )
}

const imageOf = (key: string, { value, revision }: KeyImage): Readonly<Record<string, Attribute>> => ({
  key: { S: key },
  revision: { N: `${revision}` },
  value: attributeOfBytes(value),
})

function attributeOfBytes(bytes: Uint8Array): Attribute {
  const text = utf8(bytes)
  if (text === undefined) return { B: Buffer.from(bytes).toString('base64') }
  try {
    return attributeOf(JSON.parse(text) as unknown)
  } catch {
    return { S: text }
  }
}

function attributeOf(value: unknown): Attribute {
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'number') return { N: `${value}` }
  if (typeof value === 'boolean') return { BOOL: value }
  if (value === null || typeof value !== 'object') return { NULL: true }
  if (Array.isArray(value)) return { L: value.map(attributeOf) }
  return { M: Object.fromEntries(Object.entries(value).map(([name, one]) => [name, attributeOf(one)])) }
}
