import {
  type AccountId,
  err,
  type FunctionName,
  limits,
  ok,
  parseBusArn,
  parseFunctionRef,
  parseTopicArn,
  type Result,
  requestIdOfMessage,
} from '@weft/contracts'
import { type BusEvent, eventTime } from './bus/bus-event.ts'
import type { BusPublisher, TopicPublisher } from './bus/ports.ts'
import type { HeaderValues } from './envelope.ts'
import type { EventAcceptor } from './ports.ts'
import { attributeBytes } from './topics/topic-message.ts'

/** What a dead-letter target or a destination gets of an event that ended. */
export interface TargetMessage {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly payload: Uint8Array
  readonly headers: HeaderValues
  /** Equal for every try of this delivery. */
  readonly messageId: string
  /** X-Amzn-Trace-Id form: carries the lineage on, by which loops are found. */
  readonly traceHeader?: string
  /** The event of a bus that it was made of. */
  readonly event?: BusEvent
  /** Where it is put in a bucket, without a slash at the end. */
  readonly objectPrefix?: string
  /** Of a message of a topic. */
  readonly subject?: string
}

export interface TargetTrouble {
  /** For the user to read. */
  readonly reason: string
  /** Another try cannot help. */
  readonly permanent: boolean
}

/** Delivers to the targets that functions name by ARN. Idempotent for two minutes by message id. */
export interface EventTargets {
  send(targetArn: string, message: TargetMessage): Promise<Result<void, TargetTrouble>>
}

const permanent = (reason: string): Result<never, TargetTrouble> => err({ reason, permanent: true })

/** Functions of the same account as targets: the message becomes an event for them. */
export const functionTargets = (events: EventAcceptor, now: () => number): EventTargets => ({
  async send(targetArn, message) {
    const ref = parseFunctionRef(targetArn)
    if (!ref.ok) return permanent(`${targetArn} is no function`)
    if (ref.value.accountId !== message.accountId) return permanent(`${targetArn} belongs to another account`)
    const accepted = await events.accept({
      requestId: requestIdOfMessage(targetArn, message.messageId, 0),
      deduplicationId: message.messageId,
      accountId: message.accountId,
      functionName: ref.value.functionName,
      ...(ref.value.qualifier !== undefined && { qualifier: ref.value.qualifier }),
      payload: message.payload,
      acceptedAtMs: now(),
      ...(message.traceHeader !== undefined && { traceHeader: message.traceHeader }),
    })
    return accepted.ok ? ok(undefined) : err({ reason: `the event store is ${accepted.error}`, permanent: false })
  },
})

/** What the record of a run, as destinations get it, is about; undefined for anything else. */
export function recordAttributes(record: unknown): { readonly type: string; readonly functionArn: string } | undefined {
  const { requestContext } = (record ?? {}) as { readonly requestContext?: unknown }
  if (typeof requestContext !== 'object' || requestContext === null) return undefined
  const { functionArn = '', condition } = requestContext as {
    readonly functionArn?: unknown
    readonly condition?: unknown
  }
  const outcome = condition === 'Success' ? 'Success' : 'Failure'
  return { type: `Lambda Function Invocation Result - ${outcome}`, functionArn: `${functionArn}` }
}

/** Event buses of the same account as targets: the record becomes an event, as of AWS's destinations. */
export const busTargets = (buses: BusPublisher, now: () => number): EventTargets => ({
  async send(targetArn, message) {
    const bus = parseBusArn(targetArn)
    if (!bus) return permanent(`${targetArn} is no event bus`)
    if (bus.accountId !== message.accountId) return permanent(`${targetArn} belongs to another account`)
    if (message.payload.length > limits.busEventBytes)
      return permanent(`the record has ${message.payload.length} bytes, an event ${limits.busEventBytes} at most`)
    const detail = JSON.parse(new TextDecoder().decode(message.payload)) as object
    const record = recordAttributes(detail)
    if (!record) return permanent('only records of runs can be put onto a bus')
    const { traceHeader } = message
    const event: BusEvent = {
      version: '0',
      id: requestIdOfMessage(targetArn, message.messageId, 0),
      'detail-type': record.type,
      source: 'lambda',
      account: message.accountId,
      time: eventTime(now()),
      region: bus.region,
      resources: [targetArn, record.functionArn],
      detail: { ...detail },
    }
    const stored = await buses.put(message.accountId, bus.bus, event, traceHeader === undefined ? {} : { traceHeader })
    return stored.ok ? ok(undefined) : err({ reason: `the event bus is ${stored.error}`, permanent: false })
  },
})

/** Topics of the same account as targets: the payload becomes a message, its headers attributes. */
export const topicTargets = (topics: TopicPublisher, now: () => number): EventTargets => ({
  async send(targetArn, { accountId, payload, headers, messageId, traceHeader, subject }) {
    const topic = parseTopicArn(targetArn)
    if (!topic || topic.subscriptionId !== undefined) return permanent(`${targetArn} is no topic`)
    if (topic.accountId !== accountId) return permanent(`${targetArn} belongs to another account`)
    const attributes = Object.fromEntries(
      Object.entries(headers).map(([name, Value]) => [name, { Type: 'String', Value }]),
    )
    const bytes = payload.length + attributeBytes(attributes)
    if (bytes > limits.topicMessageBytes)
      return permanent(`the message has ${bytes} bytes, ${limits.topicMessageBytes} at most are taken`)
    const stored = await topics.publish(accountId, topic.name, {
      ...{ id: requestIdOfMessage(targetArn, messageId, 0), message: new TextDecoder().decode(payload) },
      ...{ attributes, publishedAtMs: now(), ...(subject !== undefined && { subject }) },
      ...(traceHeader !== undefined && { traceHeader }),
    })
    return stored.ok ? ok(undefined) : err({ reason: `the topic is ${stored.error}`, permanent: false })
  },
})

/** Chooses by the service that an ARN names. */
export const targetsByService = (services: Readonly<Record<string, EventTargets>>): EventTargets => ({
  async send(targetArn, message) {
    const service = targetArn.split(':')[2] ?? ''
    const targets = Object.hasOwn(services, service) ? services[service] : undefined
    return targets ? targets.send(targetArn, message) : permanent(`${targetArn} names nothing that can be sent to`)
  },
})
