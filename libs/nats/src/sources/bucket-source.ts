import { JetStreamApiError } from '@nats-io/jetstream'
import {
  bucketRecord,
  type KeyChange,
  type KeyImage,
  type MappingSource,
  type StreamMessage,
  type StreamOrigin,
} from '@weft/delivery'
import type { NatsLink } from '../link.ts'
import type { ConsumerReader } from './consumer-reader.ts'
import { overReader } from './stream-source.ts'

const noMessageFound = 10037
/** Keys whose last value is remembered; of others it is looked up in the bucket's history. */
const mostRemembered = 10_000

/** What a key held after a message: nothing once it was removed. */
type Remembered = KeyImage | 'removed'

export interface BucketSourceOptions {
  readonly link: NatsLink
  readonly reader: ConsumerReader
  readonly origin: StreamOrigin
  /** `KV_<bucket>`. */
  readonly stream: string
  /** Values that the bucket keeps of a key; 2 or more. */
  readonly history: number
}

/** Changes of a key-value bucket, each with what the key held before, as far as the bucket's history tells. */
export function bucketSource(options: BucketSourceOptions): MappingSource {
  const { link, reader, origin, stream, history } = options
  const prefix = `$KV.${origin.parsed.name}.`
  const last = new Map<string, Remembered>()
  const remember = (key: string, value: Remembered): void => {
    last.delete(key)
    last.set(key, value)
    const [oldest] = last.keys()
    if (last.size > mostRemembered && oldest !== undefined) last.delete(oldest)
  }
  const recordOf = async (message: StreamMessage) => {
    const key = message.subject.slice(prefix.length)
    const found = last.get(key) ?? (await stored(link, stream, message, history))
    const after = imageIn(message.headers['KV-Operation']?.[0], message.data, message.sequence)
    remember(key, after)
    const change: KeyChange = {
      key,
      revision: message.sequence,
      storedAtMs: message.storedAtMs,
      existed: found === 'unknown' || (found !== undefined && found !== 'removed'),
      ...(after !== 'removed' && { after }),
      ...(typeof found === 'object' && { before: found }),
    }
    return bucketRecord(change, origin.arn, origin.parsed)
  }
  return {
    ...overReader(reader, recordOf),
    order: 'ordered',
    incarnation: origin.streamCreatedAt,
    frame: { kind: 'records' },
    batchInfo: 'DDBStreamBatchInfo',
    visibilityMs: 0,
  }
}

const imageIn = (operation: string | undefined, value: Uint8Array, revision: number): Remembered =>
  operation === 'DEL' || operation === 'PURGE' ? 'removed' : { value, revision }

/**
 * The key's message before this one. 'unknown': the history is full and this is the oldest of it, so there may have been
 * one. The server finds the next message of a subject, not the one before, so the few of the history are walked over.
 */
async function stored(
  link: NatsLink,
  stream: string,
  { subject, sequence }: StreamMessage,
  history: number,
): Promise<Remembered | 'unknown' | undefined> {
  let before: Remembered | undefined
  let kept = 0
  for (let from = 1; ; kept++) {
    const message = await next(link, stream, subject, from)
    if (!message) break
    if (message.seq < sequence) before = imageIn(message.header.get('KV-Operation'), message.data, message.seq)
    from = message.seq + 1
  }
  return before ?? (kept >= history ? 'unknown' : undefined)
}

async function next(link: NatsLink, stream: string, subject: string, from: number) {
  try {
    // The client's type does not know the pair; the server does (stream message get API).
    const query = { seq: from, next_by_subj: subject }
    return await link.jsm.streams.getMessage(stream, query)
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === noMessageFound) return undefined
    throw error
  }
}
