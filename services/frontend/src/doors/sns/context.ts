import {
  type AccountId,
  isTopicName,
  parseTopicArn,
  type Topic,
  type TopicArn,
  type TriggerRecord,
  topicArn,
  triggerKeys,
} from '@weft/contracts'
import type { TopicPublisher } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import type { Principal } from '../door.ts'
import { amend } from '../json/amend.ts'
import { pageAfter } from '../json/page-after.ts'
import { ServiceRefusal } from '../json/refusal.ts'
import type { Params } from '../query/params.ts'
import type { XmlMembers } from '../s3/xml.ts'

/** What an operation of SNS works with. */
export interface SnsCall {
  readonly principal: Principal
  readonly params: Params
  readonly region: string
  readonly triggers: Collection<TriggerRecord>
  readonly publisher: TopicPublisher
  readonly clock: Pick<Clock, 'now'>
  /** Of the request: carries the lineage of a function that publishes on. */
  readonly traceHeader: string | undefined
  /** The topic that the request names, of whatever account, if it is there. */
  readonly topic: Topic | undefined
}

/** What it answers; it throws a ServiceRefusal in SNS's own code. */
export type SnsOperation = (call: SnsCall) => Promise<XmlMembers | undefined>

export const invalid = (what: string): ServiceRefusal =>
  new ServiceRefusal('InvalidParameter', `Invalid parameter: ${what}`)
export const notServed = (what: string): ServiceRefusal => invalid(`${what} is not served by this fabric`)
export const noTopic = (): ServiceRefusal => new ServiceRefusal('NotFound', 'Topic does not exist', 404)

/** Members that any text may stand in: the operations look at them by themselves. */
export const anyText = { max: 1_048_576 }

/** Refuses what the operation has read, when some of it is missing. */
export function checked({ params }: SnsCall): void {
  if (params.problem !== undefined) throw new ServiceRefusal('ValidationError', params.problem)
}

/** The topic that the request names. */
export function theTopic({ topic }: SnsCall): Topic {
  if (!topic) throw noTopic()
  return topic
}

export const arnOf = ({ region }: Pick<SnsCall, 'region'>, { accountId, name }: Topic): string =>
  topicArn(region, accountId, name)

/** Reads the ARN of a topic, or with `subscription` that of a subscription. */
export function readArn(region: string, member: string, arn: string, subscription = false): TopicArn {
  const elements = arn.split(':').length
  if (elements < 6) throw invalid(`${member} Reason: An ARN must have at least 6 elements, not ${elements}`)
  const parsed = parseTopicArn(arn)
  if (parsed?.region !== region || (parsed.subscriptionId !== undefined) !== subscription) throw invalid(member)
  return parsed
}

export function readTopicName(params: Params): string {
  const name = params.optional('Name', anyText) ?? ''
  if (name.endsWith('.fifo')) throw notServed('Topic Name: FIFO topic')
  if (!isTopicName(name)) throw invalid('Topic Name')
  return name
}

/** `Attributes.entry.1.key` and `.value`. */
export const attributesIn = (params: Params): Readonly<Record<string, string>> =>
  Object.fromEntries(
    params
      .elements('Attributes', 'entry', 'key')
      .map((entry) => [params.required(`${entry}.key`, anyText), params.optional(`${entry}.value`, anyText) ?? '']),
  )

export const entries = (values: Readonly<Record<string, string | undefined>>): XmlMembers => ({
  entry: Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }])),
})

/** A topic with its subscriptions and policies is one record. */
const mostRecordBytes = 128 * 1024

/** Changes a topic as it is in the store at that moment; `change` gives undefined for one that stays as it is. */
export async function changeTopic(
  { triggers }: SnsCall,
  { accountId, name }: { readonly accountId: AccountId; readonly name: string },
  change: (topic: Topic) => Topic | undefined,
): Promise<void> {
  const key = triggerKeys.topic(accountId, name)
  const done = await amend(triggers.store, key, (before) => {
    if (before?.kind !== 'topic') throw noTopic()
    const next = change(before)
    if (!next) return 'keep'
    if (Buffer.byteLength(JSON.stringify(next)) > mostRecordBytes)
      throw new ServiceRefusal(
        'FilterPolicyLimitExceeded',
        `A topic has ${mostRecordBytes} bytes for its policy, its subscriptions and their filter policies.`,
        403,
      )
    return { put: next }
  })
  if (!done) throw new ServiceRefusal('ConcurrentAccess', `${name} is being changed by another request.`)
}

const pageSize = 100

/** A page of a list in order of name; the token is the last name of the page before. */
export function page<T>(
  { params }: SnsCall,
  all: readonly T[],
  nameOf: (one: T) => string,
): { readonly items: readonly T[]; readonly paging: XmlMembers } {
  const token = params.optional('NextToken', anyText)
  if (token !== undefined && !/^[\w-]{1,1024}$/.test(token)) throw invalid('NextToken')
  const { items, nextToken } = pageAfter(all, nameOf, token, pageSize)
  return { items, paging: { NextToken: nextToken } }
}
