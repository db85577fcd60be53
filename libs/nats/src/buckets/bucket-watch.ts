import { type ConsumerMessages, DeliverPolicy, JetStreamApiError, type JsMsg } from '@nats-io/jetstream'
import { createInbox } from '@nats-io/transport-node'
import { type Clock, delay, type Logger } from '@weft/platform'
import type { NatsLink } from '../link.ts'

export interface BucketWatch extends AsyncDisposable {
  /** Resolves when the bucket has been read once; rejects only when disposed before. */
  readonly whenReady: Promise<void>
  /** Merges a write that this process has just made, so that it need not wait to hear of it. */
  apply(key: string, value: Uint8Array | undefined, revision: number): void
  /** Every change up to this revision has been heard of; 0 before the first reading. */
  seen(): number
  /** Empty when the watch runs. */
  problems(): readonly string[]
}

export interface BucketWatchOptions {
  readonly link: NatsLink
  readonly bucket: string
  /**
   * Called once per change of a key, never with an older revision than before; `value` is undefined when it was removed.
   * Values of one key may be skipped when they change fast.
   */
  readonly onEntry: (key: string, value: Uint8Array | undefined, revision: number) => void
  /** Called when `seen` has changed. */
  readonly onSeen?: () => void
  readonly clock: Clock
  readonly log: Logger
}

const firstRetryMs = 100
const longestRetryMs = 5_000

/**
 * Follows a KV bucket for ever. After every reconnect, and when the bucket was deleted and made again, it reads the
 * whole bucket anew and reports what vanished: a missed change cannot stay missed.
 */
export function watchBucket(options: BucketWatchOptions): BucketWatch {
  const { link, bucket, clock, log } = options
  const known = new Map<string, { revision: number; present: boolean }>()
  const stop = new AbortController()
  let created: string | undefined
  let problem: string | undefined = `bucket ${bucket} has not been read yet`
  let thisRound = new AbortController()
  let seenRevision = 0
  const nowSeen = (revision: number): void => {
    seenRevision = revision
    options.onSeen?.()
  }
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => {})

  const put = (key: string, value: Uint8Array | undefined, revision: number): void => {
    const last = known.get(key)
    if (last && last.revision >= revision) return
    known.set(key, { revision, present: value !== undefined })
    if (value !== undefined || last?.present) options.onEntry(key, value, revision)
  }

  /** One reading of the bucket and what follows it, until something calls for another. */
  const round = async (): Promise<void> => {
    const stream = `KV_${bucket}`
    const info = await link.jsm.streams.info(stream)
    // Made anew, or kept in memory and emptied by a restart of all its servers: either way revisions start again.
    const newest = Math.max(0, ...[...known.values()].map((entry) => entry.revision))
    if (created !== info.created || info.state.last_seq < newest) for (const entry of known.values()) entry.revision = 0
    created = info.created
    const seen = new Set<string>()
    let lastHeard = 0
    const snapshotEnd = (): void => {
      for (const [key, { present, revision }] of known)
        if (!seen.has(key) && revision <= info.state.last_seq) {
          known.delete(key)
          if (present) options.onEntry(key, undefined, revision)
        }
      nowSeen(Math.max(info.state.last_seq, lastHeard))
      problem = undefined
      ready.resolve()
    }
    const consumer = await link.js.consumers.getPushConsumer(stream, {
      deliver_policy: DeliverPolicy.LastPerSubject,
      deliver_prefix: createInbox(link.inboxPrefix),
    })
    let reading = (await consumer.info(true)).num_pending > 0
    const messages = await consumer.consume({
      callback: (message) => {
        const key = message.subject.slice(`$KV.${bucket}.`.length)
        if (reading) seen.add(key)
        put(key, isRemoval(message) ? undefined : message.data, message.seq)
        lastHeard = message.seq
        if (reading && message.info.pending === 0) {
          reading = false
          snapshotEnd()
        } else if (!reading) nowSeen(message.seq)
      },
    })
    if (!reading) snapshotEnd()
    await Promise.race([aborted(thisRound.signal), lost(messages)])
    await messages.close()
    // The server forgets the consumer by itself in five minutes; without a connection it must.
    await consumer.delete().catch((error: unknown) => log.debug({ err: error }, 'a watch was not removed'))
  }

  const run = async (): Promise<void> => {
    let retryMs = firstRetryMs
    while (!stop.signal.aborted) {
      thisRound = new AbortController()
      try {
        await round()
        retryMs = firstRetryMs
      } catch (error) {
        problem = `bucket ${bucket} cannot be read: ${error instanceof Error ? error.message : error}`
        log[error instanceof JetStreamApiError ? 'error' : 'warn']({ err: error }, problem)
        await delay(clock, retryMs, stop.signal)
        retryMs = Math.min(retryMs * 2, longestRetryMs)
      }
    }
  }
  const unsubscribe = link.onReconnect(() => thisRound.abort())
  const running = run()
  return {
    whenReady: ready.promise,
    apply: put,
    seen: () => seenRevision,
    problems: () => (problem === undefined ? [] : [problem]),
    async [Symbol.asyncDispose]() {
      unsubscribe()
      stop.abort()
      thisRound.abort()
      ready.reject(new Error(`the watch of bucket ${bucket} was stopped`))
      await running
    },
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

const isRemoval = (message: JsMsg): boolean => {
  const operation = message.headers?.get('KV-Operation')
  return operation === 'DEL' || operation === 'PURGE'
}

/** Resolves when the messages ended or their stream is gone. */
async function lost(messages: ConsumerMessages): Promise<void> {
  for await (const status of messages.status()) if (status.type === 'stream_not_found') return
}
