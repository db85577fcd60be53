import { type AccountId, accountId, isAccountId, isRegion } from './ids.ts'

export type FilterPolicyScope = 'MessageAttributes' | 'MessageBody'

/** A function that is called with each message of a topic that its filter policy lets through. */
export interface TopicSubscription {
  /** UUID. */
  readonly id: string
  readonly functionArn: string
  /** JSON; absent: every message. */
  readonly filterPolicy?: string
  readonly filterPolicyScope: FilterPolicyScope
  readonly deadLetterArn?: string
}

/** A topic as of SNS, with its subscriptions: they change by compare-and-set and go with it. */
export interface Topic {
  readonly kind: 'topic'
  readonly accountId: AccountId
  readonly name: string
  readonly displayName: string
  /** JSON; absent: the owner's account alone, as its users' and roles' policies say. */
  readonly policy?: string
  readonly createdAtMs: number
  readonly tags: Readonly<Record<string, string>>
  readonly subscriptions: readonly TopicSubscription[]
}

/** CreateTopic: "uppercase and lowercase ASCII letters, numbers, underscores, and hyphens", up to 256. */
export const isTopicName = (name: string): boolean => /^[\w-]{1,256}$/.test(name)

export const topicArn = (region: string, account: AccountId, name: string): string =>
  `arn:aws:sns:${region}:${account}:${name}`

export interface TopicArn {
  readonly region: string
  readonly accountId: AccountId
  readonly name: string
  /** Of the ARN of a subscription. */
  readonly subscriptionId?: string
}

/** Reads the ARN of a topic, or of a subscription, whose id stands behind it. */
export function parseTopicArn(arn: string): TopicArn | undefined {
  const [prefix, partition, service, region = '', account = '', name = '', subscriptionId, ...rest] = arn.split(':')
  if (prefix !== 'arn' || partition !== 'aws' || service !== 'sns' || rest.length > 0) return undefined
  if (!isRegion(region) || !isAccountId(account) || !isTopicName(name)) return undefined
  if (subscriptionId !== undefined && !/^[0-9a-f-]{36}$/.test(subscriptionId)) return undefined
  return { region, accountId: accountId(account), name, ...(subscriptionId !== undefined && { subscriptionId }) }
}

/** Name of the topic in a subject of `subjects.topic`, and whose it is. */
export function parseTopicSubject(
  subject: string,
): { readonly accountId: AccountId; readonly topic: string } | undefined {
  const [weft, kind, account = '', topic = '', ...rest] = subject.split('.')
  if (weft !== 'weft' || kind !== 'topic' || !isAccountId(account) || !isTopicName(topic) || rest.length > 0)
    return undefined
  return { accountId: accountId(account), topic }
}
