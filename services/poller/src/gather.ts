import type { JetStreamArn } from '@weft/contracts'
import {
  type BatchPolicy,
  type EncodedRecord,
  emptyBatch,
  encodeRecord,
  type MappingSource,
  type OpenBatch,
  offer,
  windowLeftMs,
} from '@weft/delivery'
import type { Clock } from '@weft/platform'

export interface Gathered {
  /** Empty when nothing came, or when aborted before the batch closed. */
  readonly batch: readonly EncodedRecord[]
  /** Read already, but of a later batch. */
  readonly carry: readonly EncodedRecord[]
}

export interface GatherOptions {
  readonly source: MappingSource
  readonly arn: { readonly text: string; readonly parsed: JetStreamArn }
  readonly policy: BatchPolicy
  readonly carry: readonly EncodedRecord[]
  readonly readWaitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Reads until a batch closes. With a window of 0 it holds what is at hand when the first record comes. */
export async function gather(options: GatherOptions): Promise<Gathered> {
  const { source, arn, policy, clock, signal } = options
  const records: EncodedRecord[] = []
  let batch: OpenBatch = emptyBatch
  let carry = [...options.carry]
  for (;;) {
    const left = windowLeftMs(batch, policy, clock.monotonic())
    if (carry.length === 0) {
      if (left === 0) return { batch: records, carry }
      const read = await source.read(
        policy.size - batch.count,
        Math.min(left ?? options.readWaitMs, options.readWaitMs),
        signal,
      )
      if (signal.aborted) return { batch: [], carry: [] }
      if (read.length === 0 && left === undefined) return { batch: [], carry: [] }
      carry = read.map((record) => encodeRecord(record, arn.text, arn.parsed))
    }
    while (carry.length > 0) {
      const [next] = carry as [EncodedRecord]
      const taken = offer(batch, next.payloadBytes, policy, clock.monotonic())
      if (taken.kind === 'no-room') return { batch: records, carry }
      batch = taken.batch
      records.push(next)
      carry.shift()
      if (taken.full) return { batch: records, carry }
    }
  }
}
