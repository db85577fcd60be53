import type { MappingSource } from '@weft/delivery'
import type { Logger } from '@weft/platform'
import type { NatsLink } from '../link.ts'
import { type ConsumerSight, looksStuck, sightOf } from '../watchdog.ts'
import { SourceLost } from './consumer-reader.ts'

export interface ConsumerWatchOptions {
  readonly link: NatsLink
  readonly log: Logger
  readonly stream: string
  readonly consumer: string
  /** Told how far a stuck consumer had come, before it is deleted. */
  readonly onStuck: (ackFloor: number) => void
}

/** Two of so many empty reads look at the consumer, one after the other: idle mappings must cost next to nothing. */
const watchEvery = 4

/**
 * The source, whose empty reads are looked into: is there nothing, or is the consumer stuck? A stuck one is deleted and
 * the source lost, so that it is opened with a fresh one.
 */
export function watched(source: MappingSource, options: ConsumerWatchOptions): MappingSource {
  const { link, log, stream, consumer, onStuck } = options
  let empty = 0
  let earlier: ConsumerSight | undefined
  const look = async (): Promise<void> => {
    const turn = empty++ % watchEvery
    if (turn < watchEvery - 2) return
    if (turn === watchEvery - 2) earlier = undefined
    const info = await link.jsm.consumers.info(stream, consumer)
    const sight = sightOf(info)
    const stuck = looksStuck(earlier, sight)
    earlier = sight
    if (!stuck) return
    log.error({ stream, consumer, ...sight }, 'a consumer delivers nothing although it has messages; made anew')
    onStuck(info.ack_floor.stream_seq)
    await link.jsm.consumers.delete(stream, consumer)
    throw new SourceLost(`consumer ${consumer} of ${stream} was stuck`)
  }
  return {
    ...source,
    async read(most, waitMs, signal) {
      const records = await source.read(most, waitMs, signal)
      if (records.length > 0) empty = 0
      else if (!signal.aborted) await look()
      return records
    },
  }
}
