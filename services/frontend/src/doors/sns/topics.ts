import { type Topic, topicArn, triggerKeys } from '@weft/contracts'
import { type CompiledPolicy, parsePolicy } from '@weft/policy'
import { removeRecord } from '../events/context.ts'
import { ServiceRefusal } from '../json/refusal.ts'
import {
  anyText,
  arnOf,
  attributesIn,
  changeTopic,
  checked,
  entries,
  invalid,
  notServed,
  page,
  readArn,
  readTopicName,
  type SnsCall,
  type SnsOperation,
  theTopic,
} from './context.ts'

/** SetTopicAttributes, "Policy": AWS allows 30 KB. */
const mostPolicyBytes = 30_720
/** Attributes of SNS that change what is sent, how or in what order: better refused than forgotten. */
const unserved = new Set([
  ...['DeliveryPolicy', 'FifoTopic', 'KmsMasterKeyId', 'SignatureVersion', 'TracingConfig', 'ArchivePolicy'],
  ...['ContentBasedDeduplication', 'FifoThroughputScope', 'DataProtectionPolicy'],
])

const compiled = new WeakMap<Topic, CompiledPolicy>()

/** The policy of a topic, ready to be asked; undefined where it was given none. */
export function policyOf(topic: Topic): CompiledPolicy | undefined {
  if (topic.policy === undefined) return undefined
  const known = compiled.get(topic)
  if (known) return known
  const read = parsePolicy(topic.policy, 'resource')
  // It was checked before it was kept; one that cannot be read grants nothing.
  const policy = read.ok ? read.value : { statements: [] }
  compiled.set(topic, policy)
  return policy
}

/** Attributes that can be set; an empty value takes the attribute away. */
function withAttribute(topic: Topic, name: string, value: string): Topic {
  if (name === 'DisplayName') {
    if (value.length > 100) throw invalid('DisplayName Reason: must be at most 100 characters long')
    return { ...topic, displayName: value }
  }
  if (name === 'Policy') {
    const { policy: _, ...rest } = topic
    if (value === '') return rest
    if (Buffer.byteLength(value) > mostPolicyBytes) throw invalid('Policy Error: policy is too large')
    const read = parsePolicy(value, 'resource')
    if (!read.ok) throw invalid(`Policy Error: ${read.error}`)
    return { ...topic, policy: value }
  }
  throw unserved.has(name) ? notServed(`Attributes Reason: ${name}`) : invalid('AttributeName')
}

export const createTopic: SnsOperation = async (call) => {
  const { params, principal, region, clock, triggers } = call
  const name = readTopicName(params)
  const { accountId } = principal
  const given = attributesIn(params)
  const tags = Object.fromEntries(params.tags().map(({ key, value }) => [key, value]))
  checked(call)
  const blank: Topic = {
    ...{ kind: 'topic', accountId, name, displayName: '', createdAtMs: clock.now(), tags, subscriptions: [] },
  }
  const made = Object.entries(given).reduce((topic, [key, value]) => withAttribute(topic, key, value), blank)
  const arn = topicArn(region, accountId, name)
  const key = triggerKeys.topic(accountId, name)
  if (!(await triggers.store.create(key, made)).ok) {
    // Making it again is no mistake, as long as nothing else is asked for.
    const known = (await triggers.store.read(key))?.value
    if (known?.kind !== 'topic')
      throw new ServiceRefusal('ConcurrentAccess', `${name} is being changed by another request.`)
    const differs = Object.entries(given).some(
      ([attribute, value]) => (attribute === 'Policy' ? (known.policy ?? '') : known.displayName) !== value,
    )
    if (differs) throw invalid('Attributes Reason: Topic already exists with different attributes')
    const tagged = Object.entries(tags).every(([tag, value]) => known.tags[tag] === value)
    if (!tagged) throw invalid('Tags Reason: Topic already exists with different tags')
  }
  return { TopicArn: arn }
}

/** With its subscriptions. One that is not there is no mistake. */
export const deleteTopic: SnsOperation = async (call) => {
  const { accountId, name } = readArn(call.region, 'TopicArn', call.params.required('TopicArn', anyText))
  await removeRecord(call, triggerKeys.topic(accountId, name))
  return undefined
}

/** Topics of the caller's account. */
export const topicsOf = ({ triggers, principal }: SnsCall): readonly Topic[] =>
  triggers.list(triggerKeys.topicsOf(principal.accountId)).filter((one) => one.kind === 'topic')

export const listTopics: SnsOperation = async (call) => {
  const { items, paging } = page(call, topicsOf(call), ({ name }) => name)
  return { Topics: { member: items.map((topic) => ({ TopicArn: arnOf(call, topic) })) }, ...paging }
}

export const getTopicAttributes: SnsOperation = async (call) => {
  const topic = theTopic(call)
  const TopicArn = arnOf(call, topic)
  return {
    Attributes: entries({
      ...{ TopicArn, Owner: topic.accountId, DisplayName: topic.displayName },
      Policy: topic.policy ?? JSON.stringify(ownersPolicy(TopicArn, topic.accountId)),
      SubscriptionsConfirmed: String(topic.subscriptions.length),
      SubscriptionsPending: '0',
      SubscriptionsDeleted: '0',
    }),
  }
}

/** What AWS shows for a topic that was given no policy. */
const ownersPolicy = (arn: string, owner: string) => ({
  Version: '2008-10-17',
  Id: '__default_policy_ID',
  Statement: [
    {
      Sid: '__default_statement_ID',
      Effect: 'Allow',
      Principal: { AWS: '*' },
      Action: [
        ...['SNS:GetTopicAttributes', 'SNS:SetTopicAttributes', 'SNS:AddPermission', 'SNS:RemovePermission'],
        ...['SNS:DeleteTopic', 'SNS:Subscribe', 'SNS:ListSubscriptionsByTopic', 'SNS:Publish'],
      ],
      Resource: arn,
      Condition: { StringEquals: { 'AWS:SourceOwner': owner } },
    },
  ],
})

export const setTopicAttributes: SnsOperation = async (call) => {
  const name = call.params.required('AttributeName', anyText)
  const value = call.params.optional('AttributeValue', anyText) ?? ''
  checked(call)
  await changeTopic(call, theTopic(call), (topic) => withAttribute(topic, name, value))
  return undefined
}
