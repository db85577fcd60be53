import { randomUUID } from 'node:crypto'
import { limits, type Topic } from '@weft/contracts'
import { attributeBytes, type TopicMessage } from '@weft/delivery'
import { ServiceRefusal } from '../json/refusal.ts'
import type { Params } from '../query/params.ts'
import { anyText, invalid, type SnsCall, type SnsOperation, theTopic } from './context.ts'
import { readMessageAttributes } from './message-attributes.ts'

/** Begins with a letter, digit or punctuation mark, and has no line break or control character. Publish reference. */
const subjectPattern = /^[\x21-\x7e][\x20-\x7e]{0,99}$/
/** They belong to topics that keep an order. */
const ofFifo = ['MessageDeduplicationId', 'MessageGroupId']

/** Reads a message whose members begin with `prefix`: "", or the place of an entry of a batch. */
function readMessage({ params, clock, traceHeader }: SnsCall, prefix: string): TopicMessage {
  const strange = ofFifo.find((name) => params.has(`${prefix}${name}`))
  if (strange !== undefined)
    throw invalid(`${strange} Reason: The request includes ${strange} parameter that is not valid for this topic type`)
  const message = bodyOf(params, prefix)
  if (message === '') throw invalid('Empty message')
  const subject = params.optional(`${prefix}Subject`, anyText)
  if (subject !== undefined && !subjectPattern.test(subject)) throw invalid('Subject')
  return {
    ...{ id: randomUUID(), message, publishedAtMs: clock.now() },
    ...(subject !== undefined && { subject }),
    attributes: readMessageAttributes(params, prefix),
    ...(traceHeader !== undefined && { traceHeader }),
  }
}

/** The message, or what of it is for functions where each protocol has its own. */
function bodyOf(params: Params, prefix: string): string {
  const message = params.optional(`${prefix}Message`, anyText) ?? ''
  const structure = params.optional(`${prefix}MessageStructure`, anyText) ?? ''
  if (structure === '') return message
  if (structure !== 'json') throw invalid('MessageStructure')
  let bodies: unknown
  try {
    bodies = JSON.parse(message)
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse')
  }
  const { default: common, lambda = common } = (bodies ?? {}) as {
    readonly default?: unknown
    readonly lambda?: unknown
  }
  if (typeof common !== 'string') throw invalid('Message Structure - No default entry in JSON message body')
  return typeof lambda === 'string' ? lambda : common
}

const bytesOf = ({ message, attributes }: TopicMessage): number =>
  Buffer.byteLength(message) + attributeBytes(attributes)

/** Stored durably before its id is told. */
async function store({ publisher }: SnsCall, topic: Topic, message: TopicMessage): Promise<string> {
  const stored = await publisher.publish(topic.accountId, topic.name, message)
  if (stored.ok) return message.id
  throw stored.error === 'store-full'
    ? new ServiceRefusal('Throttled', 'The topic is full: its subscribers do not have its messages yet.', 429)
    : new ServiceRefusal('InternalError', 'The message could not be stored.', 500)
}

export const publish: SnsOperation = async (call) => {
  const topic = theTopic(call)
  const message = readMessage(call, '')
  if (bytesOf(message) > limits.topicMessageBytes) throw invalid('Message too long')
  return { MessageId: await store(call, topic, message) }
}

const list = 'PublishBatchRequestEntries'
const mostEntries = 10

/** Each entry by itself: those that cannot be taken are told, the others are stored. */
export const publishBatch: SnsOperation = async (call) => {
  const { params } = call
  const topic = theTopic(call)
  const places = params.elements(list, 'member', 'Id')
  const ids = places.map((place) => params.required(`${place}.Id`, anyText))
  if (ids.length === 0) throw new ServiceRefusal('EmptyBatchRequest', "The batch request doesn't contain any entries.")
  if (ids.length > mostEntries)
    throw new ServiceRefusal(
      'TooManyEntriesInBatchRequest',
      'The batch request contains more entries than permissible.',
    )
  if (!ids.every((id) => /^[\w-]{1,80}$/.test(id)))
    throw new ServiceRefusal(
      'InvalidBatchEntryId',
      "The Id of a batch entry in a batch request doesn't abide by the specification.",
    )
  if (new Set(ids).size < ids.length)
    throw new ServiceRefusal('BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.')
  const read = await Promise.all(places.map((place) => settled(async () => readMessage(call, `${place}.`))))
  const bytes = read.reduce((sum, one) => sum + (one instanceof ServiceRefusal ? 0 : bytesOf(one)), 0)
  if (bytes > limits.topicMessageBytes)
    throw new ServiceRefusal(
      'BatchRequestTooLong',
      'The length of all the batch messages put together is more than the limit.',
    )
  const results = await Promise.all(
    read.map((one) => (one instanceof ServiceRefusal ? one : settled(() => store(call, topic, one)))),
  )
  const outcomes = results.map((result, at) => ({ Id: ids[at], result }))
  return {
    Successful: {
      member: outcomes.flatMap(({ Id, result }) => (typeof result === 'string' ? [{ Id, MessageId: result }] : [])),
    },
    Failed: {
      member: outcomes.flatMap(({ Id, result }) =>
        typeof result === 'string'
          ? []
          : [{ Id, Code: result.type, Message: result.message, SenderFault: result.status < 429 }],
      ),
    },
  }
}

/** The outcome, or why it was refused. */
const settled = <T>(run: () => Promise<T>): Promise<T | ServiceRefusal> =>
  run().catch((error: unknown) => {
    if (error instanceof ServiceRefusal) return error
    throw error
  })
