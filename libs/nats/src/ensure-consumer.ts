import { type ConsumerConfig, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream'

/** Makes a durable consumer, or brings the parts of an existing one that may change to what is wanted. */
export async function ensureConsumer(
  jsm: JetStreamManager,
  stream: string,
  wanted: Partial<ConsumerConfig> & { readonly durable_name: string },
): Promise<'created' | 'updated' | 'unchanged'> {
  try {
    const { config } = await jsm.consumers.info(stream, wanted.durable_name)
    const change = {
      ack_wait: wanted.ack_wait,
      max_ack_pending: wanted.max_ack_pending,
      ...(wanted.filter_subjects && { filter_subjects: wanted.filter_subjects }),
    }
    const same = Object.entries(change).every(([key, value]) => equal(config[key as keyof typeof config], value))
    if (same) return 'unchanged'
    await jsm.consumers.update(stream, wanted.durable_name, change as Partial<ConsumerConfig>)
    return 'updated'
  } catch (error) {
    if (!isMissingConsumer(error)) throw error
    await jsm.consumers.add(stream, wanted)
    return 'created'
  }
}

const equal = (a: unknown, b: unknown): boolean =>
  JSON.stringify(Array.isArray(a) ? [...a].sort() : a) === JSON.stringify(Array.isArray(b) ? [...b].sort() : b)

/** Consumer not found. */
export const isMissingConsumer = (error: unknown): boolean => error instanceof JetStreamApiError && error.code === 10014
/** Stream not found. */
export const isMissingStream = (error: unknown): boolean => error instanceof JetStreamApiError && error.code === 10059
/** A work queue has one consumer, or several whose subjects do not overlap. */
export const isTakenQueue = (error: unknown): boolean =>
  error instanceof JetStreamApiError && (error.code === 10099 || error.code === 10100)
