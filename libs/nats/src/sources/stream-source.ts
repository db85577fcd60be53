import {
  isFifoQueue,
  type MappingSource,
  queueRecord,
  type SourceOrder,
  type SourceRecord,
  type StreamMessage,
  type StreamOrigin,
  streamRecord,
} from '@weft/delivery'
import type { ConsumerReader } from './consumer-reader.ts'

export interface StreamSourceOptions {
  readonly reader: ConsumerReader
  readonly origin: StreamOrigin
  readonly visibilityMs: number
}

/** A stream, or a work queue, as the source of a mapping. */
export function streamSource(options: StreamSourceOptions): MappingSource {
  const { reader, origin, visibilityMs } = options
  const queue = origin.parsed.kind === 'queue'
  const order: SourceOrder = !queue ? 'ordered' : isFifoQueue(origin.parsed.name) ? 'grouped' : 'unordered'
  const record = queue ? queueRecord : streamRecord
  return {
    ...overReader(reader, (message) => record(message, origin)),
    order,
    incarnation: origin.streamCreatedAt,
    frame: { kind: 'records' },
    batchInfo: 'JetStreamBatchInfo',
    visibilityMs,
  }
}

type ReaderPart = Pick<MappingSource, 'read' | 'held' | 'extend' | 'settle' | 'giveBack' | typeof Symbol.asyncDispose>

/** The part of a source that a reader of messages is, once messages are made records. */
export function overReader(
  reader: ConsumerReader,
  recordOf: (message: StreamMessage) => SourceRecord | Promise<SourceRecord>,
): ReaderPart {
  const sequences = new WeakMap<SourceRecord, number>()
  const sequenceOf = (record: SourceRecord): number => {
    const sequence = sequences.get(record)
    if (sequence === undefined) throw new Error(`record ${record.id} is of another source`)
    return sequence
  }
  return {
    async read(most, waitMs, signal) {
      const records: SourceRecord[] = []
      for (const message of await reader.read(most, waitMs, signal)) {
        const record = await recordOf(message)
        sequences.set(record, message.sequence)
        records.push(record)
      }
      return records
    },
    held: () => reader.held(),
    extend: () => reader.extend(),
    settle: (records) => reader.settle(records.map(sequenceOf)),
    giveBack: (record, delayMs) => reader.giveBack(sequenceOf(record), delayMs),
    async [Symbol.asyncDispose]() {
      reader.close()
    },
  }
}
