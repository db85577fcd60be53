import { consumers, err, ok, parseBusSubject, parseTopicSubject, type Result, streams, subjects } from '@weft/contracts'
import {
  type BusEvent,
  type BusPublisher,
  type Posted,
  readLogBatches,
  type TopicMessage,
  type TopicPublisher,
  type TriggerIndex,
} from '@weft/delivery'
import type { NatsLink } from './link.ts'
import type { PostSource } from './post-queue.ts'
import { type PublishPatience, publishStored } from './publish.ts'

const patience: PublishPatience = { budgetMs: 8_000, timeoutMs: 2_000 }

/** Puts events on their buses and publishes messages to topics, each once, however often that is done. */
export const natsBusPublisher = (link: Pick<NatsLink, 'js'>): BusPublisher & TopicPublisher => ({
  put: (account, bus, event) => post(link, subjects.bus(account, bus), event, `bus-${event.id}`),
  publish: (account, topic, message) => post(link, subjects.topic(account, topic), message, `topic-${message.id}`),
})

async function post(
  link: Pick<NatsLink, 'js'>,
  subject: string,
  what: BusEvent | TopicMessage,
  messageId: string,
): Promise<Result<void, 'store-full' | 'unavailable'>> {
  const payload = new TextEncoder().encode(JSON.stringify(what))
  const stored = await publishStored(link.js, { subject, payload, messageId, stream: streams.bus }, patience)
  if (stored.ok) return ok(undefined)
  return err(stored.error.kind === 'store-full' ? 'store-full' : 'unavailable')
}

/** The events of all buses and the messages of all topics. */
export const busSource: PostSource = { stream: streams.bus, consumer: consumers.rules, read: readPosted }

/** The log lines of accounts that have filters on them. */
export const logSource = (triggers: TriggerIndex): PostSource => ({
  stream: streams.logs,
  consumer: consumers.logFilters,
  subjects: () => [...triggers.accountsWithLogFilters()].sort().map(subjects.logOf),
  read: (_, data, sequence) => ({ kind: 'lines', sequence, batches: readLogBatches(data) }),
})

function readPosted(subject: string, data: Uint8Array): Posted | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(data))
    const bus = parseBusSubject(subject)
    if (bus) return { kind: 'event', ...bus, event: value as BusEvent }
    const topic = parseTopicSubject(subject)
    return topic && { kind: 'message', ...topic, message: value as TopicMessage }
  } catch {
    return undefined
  }
}
