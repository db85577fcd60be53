import {
  consumers,
  err,
  ok,
  parseBusSubject,
  parseNoticeSubject,
  parseTopicSubject,
  type Result,
  streams,
  subjects,
} from '@weft/contracts'
import {
  type BusBacklog,
  type BusEvent,
  type BusPublisher,
  type Notice,
  type NoticePublisher,
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
export const natsBusPublisher = (
  link: Pick<NatsLink, 'js' | 'jsm'>,
): BusPublisher & TopicPublisher & NoticePublisher & BusBacklog => ({
  put(account, bus, event, { replay, traceHeader } = {}) {
    const subject = subjects.bus(account, bus)
    const messageId = replay?.messageId ?? `bus-${event.id}`
    if (!replay && traceHeader === undefined) return post(link, subject, event, messageId)
    const ruleNames = replay?.ruleNames ?? []
    return post(link, subject, { event, ruleNames, ...(traceHeader !== undefined && { traceHeader }) }, messageId)
  },
  notify: (account, bucket, notice) => post(link, subjects.notice(account, bucket), notice, `notice-${notice.id}`),
  async waiting(account, bus) {
    const subject = subjects.bus(account, bus)
    const { state } = await link.jsm.streams.info(streams.bus, { subjects_filter: subject })
    return state.subjects?.[subject] ?? 0
  },
  publish: (account, topic, message) => post(link, subjects.topic(account, topic), message, `topic-${message.id}`),
})

/** An event with what is beside it. */
interface FramedEvent {
  readonly event: BusEvent
  readonly ruleNames: readonly string[]
  readonly traceHeader?: string
}

async function post(
  link: Pick<NatsLink, 'js'>,
  subject: string,
  what: BusEvent | FramedEvent | TopicMessage | Notice,
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
    if (bus) return { kind: 'event', ...bus, ...eventIn(value as BusEvent | FramedEvent) }
    const topic = parseTopicSubject(subject)
    if (topic) return { kind: 'message', ...topic, message: value as TopicMessage }
    const bucket = parseNoticeSubject(subject)
    return bucket && { kind: 'notice', ...bucket, notice: value as Notice }
  } catch {
    return undefined
  }
}

function eventIn(
  value: BusEvent | FramedEvent,
): Omit<Extract<Posted, { kind: 'event' }>, 'kind' | 'accountId' | 'bus'> {
  if (!('ruleNames' in value)) return { event: value }
  const { event, ruleNames, traceHeader } = value
  return { event, ...(ruleNames.length > 0 && { ruleNames }), ...(traceHeader !== undefined && { traceHeader }) }
}
