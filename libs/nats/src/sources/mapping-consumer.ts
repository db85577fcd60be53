import { AckPolicy, type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream'
import { consumers, type EventSourceMapping } from '@weft/contracts'
import { type Clock, delay } from '@weft/platform'
import type { NatsLink } from '../link.ts'

const nanos = 1_000_000
/** The server looks at changed ack waits a tenth of a second after the change. */
const expiryPassMs = 300

export interface Position {
  readonly streamCreatedAt: string
  readonly sequence: number
}

export type WantedConsumer = Partial<ConsumerConfig> & { readonly durable_name: string; readonly ack_wait: number }

export interface ConsumerWish {
  readonly mapping: EventSourceMapping
  readonly streamCreatedAt: string
  readonly explicit: boolean
  readonly holdMs: number
  /** Last settled sequence, for a consumer that was deleted while this process runs. */
  readonly known: Position | undefined
}

export function mappingConsumer(wish: ConsumerWish): WantedConsumer {
  const { mapping, streamCreatedAt, explicit, holdMs, known } = wish
  return {
    durable_name: consumers.mapping(mapping.uuid),
    // One confirmed ack then settles a whole batch. Work queues take single acks only, and begin at their first message.
    ack_policy: explicit ? AckPolicy.Explicit : AckPolicy.All,
    ack_wait: holdMs * nanos,
    max_ack_pending: -1,
    max_deliver: -1,
    ...(mapping.filterSubjects.length > 0 && { filter_subjects: [...mapping.filterSubjects] }),
    ...(explicit
      ? { deliver_policy: DeliverPolicy.All }
      : known?.streamCreatedAt === streamCreatedAt
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: known.sequence + 1 }
        : startOf(mapping)),
  }
}

function startOf(mapping: EventSourceMapping): Partial<ConsumerConfig> {
  switch (mapping.startingPosition) {
    case 'TRIM_HORIZON':
      return { deliver_policy: DeliverPolicy.All }
    case 'LATEST':
      return { deliver_policy: DeliverPolicy.New }
    case 'AT_TIMESTAMP':
      return {
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date(mapping.startingPositionTimestampMs ?? 0).toISOString(),
      }
  }
}

/**
 * Makes deliveries that nobody settled come again, first and in order; resolves to the consumer's sequence of
 * deliveries so far. Left alone, each would return when its own ack wait ends, some of them after newer records. A very
 * short ack wait, for a moment, ends the wait of all together.
 */
export async function settledStart(
  clock: Clock,
  link: NatsLink,
  stream: string,
  wanted: WantedConsumer,
): Promise<number> {
  const { num_ack_pending: pending } = await link.jsm.consumers.info(stream, wanted.durable_name)
  if (pending > 0) {
    await link.jsm.consumers.update(stream, wanted.durable_name, { ack_wait: nanos })
    await delay(clock, expiryPassMs)
    await link.jsm.consumers.update(stream, wanted.durable_name, { ack_wait: wanted.ack_wait })
  }
  return (await link.jsm.consumers.info(stream, wanted.durable_name)).delivered.consumer_seq
}
