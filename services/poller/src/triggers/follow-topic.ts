import { type TopicSubscription, topicArn } from '@weft/contracts'
import { type FilterPolicy, type Posted, parseFilterPolicy, type TriggerIndex, topicEvent } from '@weft/delivery'
import type { Outgoing, Sender } from './deliver.ts'

/** SNS developer guide, "Message delivery retries", of endpoints that AWS manages: 100,015 times over 23 days. */
const retryPolicy = { maximumEventAgeSeconds: 23 * 86_400, maximumRetryAttempts: 100_015 }

const policies = new WeakMap<TopicSubscription, FilterPolicy>()
const everything: FilterPolicy = () => true
const nothing: FilterPolicy = () => false

/** The subscription's filter, read once for as long as the record lives. It was checked before it was kept. */
function policyOf(subscription: TopicSubscription): FilterPolicy {
  const known = policies.get(subscription)
  if (known) return known
  const { filterPolicy, filterPolicyScope } = subscription
  const parsed = filterPolicy === undefined ? undefined : parseFilterPolicy(filterPolicy, filterPolicyScope)
  const policy = parsed === undefined ? everything : parsed.ok ? parsed.value : nothing
  policies.set(subscription, policy)
  return policy
}

/** What a message of a topic becomes: a call of the function of each subscription that it is for. */
export function* followTopic(
  { triggers, region }: { readonly triggers: TriggerIndex; readonly region: string },
  { accountId, topic, message }: Extract<Posted, { kind: 'message' }>,
): Iterable<Outgoing> {
  const arn = topicArn(region, accountId, topic)
  const from: Sender = { accountId, name: topic, arn, service: 'sns.amazonaws.com' }
  for (const subscription of triggers.topic(accountId, topic)?.subscriptions ?? []) {
    if (!policyOf(subscription)(message)) continue
    const { id, functionArn, deadLetterArn } = subscription
    yield {
      from,
      target: { id, arn: functionArn, ...retryPolicy, ...(deadLetterArn !== undefined && { deadLetterArn }) },
      payload: JSON.stringify(topicEvent(message, { topicArn: arn, subscriptionId: id })),
      messageId: `${message.id}-${id}`,
      ...(message.traceHeader !== undefined && { traceHeader: message.traceHeader }),
    }
  }
}
