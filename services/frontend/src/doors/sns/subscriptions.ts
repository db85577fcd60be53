import { randomUUID } from 'node:crypto'
import { parseFunctionRef, parseJetStreamArn, type Topic, type TopicSubscription } from '@weft/contracts'
import { parseFilterPolicy } from '@weft/delivery'
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
  type SnsCall,
  type SnsOperation,
  theTopic,
} from './context.ts'
import { topicsOf } from './topics.ts'

const mostSubscriptions = 200
/** Protocols of SNS that lead out of the fabric. */
const otherProtocols = ['http', 'https', 'email', 'email-json', 'sms', 'sqs', 'application', 'firehose']

const noSubscription = (): ServiceRefusal => new ServiceRefusal('NotFound', 'Subscription does not exist', 404)

/** The function that is subscribed, of the topic's account. */
function readEndpoint({ params, region }: SnsCall, topic: Topic): string {
  const protocol = params.required('Protocol', anyText)
  const endpoint = params.optional('Endpoint', anyText) ?? ''
  if (params.problem !== undefined) throw new ServiceRefusal('ValidationError', params.problem)
  if (otherProtocols.includes(protocol)) throw notServed(`Protocol Reason: ${protocol}`)
  if (protocol !== 'lambda') throw invalid(`Amazon SNS does not support this protocol string: ${protocol}`)
  const ref = endpoint.startsWith('arn:') ? parseFunctionRef(endpoint) : undefined
  if (!ref?.ok) throw invalid('Lambda endpoint ARN')
  if (ref.value.accountId !== topic.accountId || ref.value.region !== region)
    throw invalid('Endpoint Reason: the function is of another account or region')
  return endpoint
}

/** An empty value, or a policy without members, takes the attribute away. Refusals begin with the attribute's name. */
function withAttribute(one: TopicSubscription, topic: Topic, name: string, value: string): TopicSubscription {
  const empty = value === '' || /^\s*\{\s*\}\s*$/.test(value)
  switch (name) {
    case 'FilterPolicy': {
      const { filterPolicy: _, ...rest } = one
      return empty ? rest : { ...one, filterPolicy: value }
    }
    case 'FilterPolicyScope':
      if (value !== 'MessageAttributes' && value !== 'MessageBody')
        throw invalid(`FilterPolicyScope: Invalid value [${value}]. Please use either MessageBody or MessageAttributes`)
      return { ...one, filterPolicyScope: value }
    case 'RedrivePolicy': {
      const { deadLetterArn: _, ...rest } = one
      return empty ? rest : { ...one, deadLetterArn: readDeadLetterArn(topic, value) }
    }
    case 'RawMessageDelivery':
      if (value.toLowerCase() === 'false') return one
      throw invalid('RawMessageDelivery: Delivery protocol [lambda] does not support raw message delivery.')
    case 'DeliveryPolicy':
    case 'SubscriptionRoleArn':
    case 'ReplayPolicy':
      throw notServed(name)
    default:
      throw invalid('AttributeName')
  }
}

function readDeadLetterArn({ accountId }: Topic, text: string): string {
  const arn = memberOf(text, 'deadLetterTargetArn')
  if (typeof arn !== 'string') throw invalid('RedrivePolicy: deadLetterTargetArn is missing or failed to parse JSON.')
  const parsed = parseJetStreamArn(arn)
  if (!parsed.ok || parsed.value.kind === 'bucket')
    throw invalid(
      'RedrivePolicy: deadLetterTargetArn is an invalid arn: arn:aws:jetstream streams, queues and subjects are served',
    )
  if (parsed.value.accountId !== accountId)
    throw invalid('RedrivePolicy: deadLetterTargetArn must belong to the account of the topic')
  return arn
}

function memberOf(text: string, name: string): unknown {
  try {
    return (JSON.parse(text) as Readonly<Record<string, unknown>> | null)?.[name]
  } catch {
    return undefined
  }
}

/** The policy is about what the scope says, whichever of them was given last. */
function fitting(one: TopicSubscription): TopicSubscription {
  if (one.filterPolicy === undefined) return one
  const parsed = parseFilterPolicy(one.filterPolicy, one.filterPolicyScope)
  if (!parsed.ok) throw invalid(`FilterPolicy: ${parsed.error}`)
  return one
}

const same = (a: TopicSubscription, b: TopicSubscription): boolean =>
  a.filterPolicy === b.filterPolicy &&
  a.filterPolicyScope === b.filterPolicyScope &&
  a.deadLetterArn === b.deadLetterArn

/** Confirmed at once. A function that is subscribed already keeps its subscription. */
export const subscribe: SnsOperation = async (call) => {
  const topic = theTopic(call)
  const functionArn = readEndpoint(call, topic)
  const given = attributesIn(call.params)
  checked(call)
  const blank: TopicSubscription = { id: randomUUID(), functionArn, filterPolicyScope: 'MessageAttributes' }
  const wanted = inAttributes(() =>
    fitting(Object.entries(given).reduce((one, [name, value]) => withAttribute(one, topic, name, value), blank)),
  )
  let { id } = wanted
  await changeTopic(call, topic, (now) => {
    const known = now.subscriptions.find((one) => one.functionArn === functionArn)
    if (known) {
      if (Object.keys(given).length > 0 && !same(known, wanted))
        throw invalid('Attributes Reason: Subscription already exists with different attributes')
      id = known.id
      return undefined
    }
    if (now.subscriptions.length >= mostSubscriptions)
      throw new ServiceRefusal(
        'SubscriptionLimitExceeded',
        `A topic has ${mostSubscriptions} subscriptions at most.`,
        403,
      )
    return { ...now, subscriptions: [...now.subscriptions, wanted] }
  })
  return { SubscriptionArn: `${arnOf(call, topic)}:${id}` }
}

/** Subscribe tells of wrong attributes as of its one parameter. */
function inAttributes<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ServiceRefusal)) throw error
    throw new ServiceRefusal(
      error.type,
      error.message.replace('Invalid parameter: ', 'Invalid parameter: Attributes Reason: '),
      error.status,
    )
  }
}

interface Found {
  readonly topic: Topic
  readonly subscription: TopicSubscription
}

function theSubscription(call: SnsCall): Found {
  const { params, region, topic } = call
  const { subscriptionId } = readArn(region, 'SubscriptionArn', params.required('SubscriptionArn', anyText), true)
  const subscription = topic?.subscriptions.find(({ id }) => id === subscriptionId)
  if (!topic || !subscription) throw noSubscription()
  return { topic, subscription }
}

/** One that is not there is no mistake. */
export const unsubscribe: SnsOperation = async (call) => {
  const { params, region, topic } = call
  const { subscriptionId } = readArn(region, 'SubscriptionArn', params.required('SubscriptionArn', anyText), true)
  if (topic)
    await changeTopic(call, topic, (now) => {
      const left = now.subscriptions.filter(({ id }) => id !== subscriptionId)
      return left.length === now.subscriptions.length ? undefined : { ...now, subscriptions: left }
    })
  return undefined
}

export const getSubscriptionAttributes: SnsOperation = async (call) => {
  const { topic, subscription } = theSubscription(call)
  const { id, functionArn, filterPolicy, filterPolicyScope, deadLetterArn } = subscription
  const arn = arnOf(call, topic)
  return {
    Attributes: entries({
      ...{ SubscriptionArn: `${arn}:${id}`, TopicArn: arn, Owner: topic.accountId },
      ...{ Protocol: 'lambda', Endpoint: functionArn, RawMessageDelivery: 'false' },
      ...{ PendingConfirmation: 'false', ConfirmationWasAuthenticated: 'true' },
      ...{ FilterPolicy: filterPolicy, FilterPolicyScope: filterPolicy === undefined ? undefined : filterPolicyScope },
      RedrivePolicy: deadLetterArn === undefined ? undefined : JSON.stringify({ deadLetterTargetArn: deadLetterArn }),
    }),
  }
}

export const setSubscriptionAttributes: SnsOperation = async (call) => {
  const { topic, subscription } = theSubscription(call)
  const name = call.params.required('AttributeName', anyText)
  const value = call.params.optional('AttributeValue', anyText) ?? ''
  checked(call)
  await changeTopic(call, topic, (now) => {
    const known = now.subscriptions.find(({ id }) => id === subscription.id)
    if (!known) throw noSubscription()
    const changed = fitting(withAttribute(known, topic, name, value))
    return { ...now, subscriptions: now.subscriptions.map((one) => (one === known ? changed : one)) }
  })
  return undefined
}

const describe = (call: SnsCall, topic: Topic) => {
  const TopicArn = arnOf(call, topic)
  return topic.subscriptions.map(({ id, functionArn }) => ({
    ...{ SubscriptionArn: `${TopicArn}:${id}`, Owner: topic.accountId, Protocol: 'lambda', Endpoint: functionArn },
    TopicArn,
  }))
}

function listed(call: SnsCall, topics: readonly Topic[]) {
  const all = topics.flatMap((topic) => describe(call, topic))
  const { items, paging } = page(call, all, ({ SubscriptionArn }) => SubscriptionArn)
  return { Subscriptions: { member: items }, ...paging }
}

export const listSubscriptions: SnsOperation = async (call) => listed(call, topicsOf(call))

export const listSubscriptionsByTopic: SnsOperation = async (call) => listed(call, [theTopic(call)])
