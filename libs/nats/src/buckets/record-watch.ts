import { type Clock, delay, type Logger, type Sealer } from '@weft/platform'
import type { NatsLink } from '../link.ts'
import { type RecordCodec, recordCodec } from '../sealing/record-codec.ts'
import { type BucketWatch, watchBucket } from './bucket-watch.ts'

export interface RecordWatch extends BucketWatch {
  /** For those who write what is watched. */
  readonly codec: RecordCodec
}

export interface RecordWatchOptions {
  readonly link: NatsLink
  readonly bucket: string
  /** Opens secrets; without one they stay closed. */
  readonly sealer: Sealer | undefined
  /** As of a bucket watch; the record is undefined when it was removed. */
  readonly onRecord: (key: string, record: unknown, revision: number) => void
  readonly onSeen?: () => void
  readonly clock: Clock
  readonly log: Logger
}

/** A master key may reach this process later than what is sealed with it. */
const tryAgainMs = 5_000

/** Follows a bucket of records. One that cannot be read is told and leaves what was known of it in place. */
export function watchRecords(options: RecordWatchOptions): RecordWatch {
  const { bucket, clock, log } = options
  const codec = recordCodec(bucket, options.sealer)
  const unreadable = new Set<string>()
  const closed = new Map<string, { readonly bytes: Uint8Array; readonly revision: number; readonly keyId: string }>()
  const stop = new AbortController()

  const read = (key: string, bytes: Uint8Array | undefined, revision: number): void => {
    unreadable.delete(key)
    closed.delete(key)
    try {
      const { record, problem } = bytes ? codec.decode(key, bytes) : {}
      if (problem) log.error({ bucket, key, ...problem }, 'the secrets of a record cannot be opened')
      if (bytes && problem) closed.set(key, { bytes, revision, keyId: problem.keyId })
      options.onRecord(key, record, revision)
    } catch (error) {
      unreadable.add(key)
      log.error({ err: error, bucket, key }, 'a record cannot be read')
    }
  }
  const tryAgain = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await delay(clock, tryAgainMs, stop.signal)
      for (const [key, { bytes, revision }] of [...closed])
        if (!codec.decode(key, bytes).problem) read(key, bytes, revision)
    }
  }
  const trying = options.sealer ? tryAgain() : Promise.resolve()
  const watch = watchBucket({ ...options, onEntry: read })
  return {
    ...watch,
    codec,
    problems: () => [
      ...watch.problems(),
      ...[...unreadable].map((key) => `the record of ${bucket} ${key} cannot be read`),
      ...[...closed].map(
        ([key, { keyId }]) => `the secrets of ${bucket} ${key} cannot be opened (master key ${keyId})`,
      ),
    ],
    async [Symbol.asyncDispose]() {
      stop.abort()
      await watch[Symbol.asyncDispose]()
      await trying
    },
  }
}
