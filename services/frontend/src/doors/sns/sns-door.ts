import { err, ok, type Topic, type TopicArn, type TriggerRecord, topicArn, triggerKeys } from '@weft/contracts'
import type { TopicPublisher } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import type { Ask, Authorizer } from '../../identity/authorizer.ts'
import { cleanTraceHeader } from '../../operations/invocation-input.ts'
import type { AwsDoor, Principal } from '../door.ts'
import { ServiceRefusal } from '../json/refusal.ts'
import type { Params } from '../query/params.ts'
import { type QueryOperation, queryDoor } from '../query/query-door.ts'
import { anyText, invalid, notServed, readArn, readTopicName, type SnsOperation } from './context.ts'
import { publish, publishBatch } from './publish.ts'
import {
  getSubscriptionAttributes,
  listSubscriptions,
  listSubscriptionsByTopic,
  setSubscriptionAttributes,
  subscribe,
  unsubscribe,
} from './subscriptions.ts'
import { listTagsForResource, tagResource, untagResource } from './tags.ts'
import { createTopic, deleteTopic, getTopicAttributes, listTopics, policyOf, setTopicAttributes } from './topics.ts'

const operations: Readonly<Record<string, SnsOperation>> = {
  CreateTopic: createTopic,
  DeleteTopic: deleteTopic,
  ListTopics: listTopics,
  GetTopicAttributes: getTopicAttributes,
  SetTopicAttributes: setTopicAttributes,
  Subscribe: subscribe,
  Unsubscribe: unsubscribe,
  ListSubscriptions: listSubscriptions,
  ListSubscriptionsByTopic: listSubscriptionsByTopic,
  GetSubscriptionAttributes: getSubscriptionAttributes,
  SetSubscriptionAttributes: setSubscriptionAttributes,
  Publish: publish,
  PublishBatch: publishBatch,
  TagResource: tagResource,
  UntagResource: untagResource,
  ListTagsForResource: listTagsForResource,
}

export interface SnsDoorDeps {
  readonly triggers: Collection<TriggerRecord>
  readonly publisher: TopicPublisher
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}

/** A message of 256 KiB in a form, where a character may take three. */
const limitBytes = 1024 * 1024

/** The Simple Notification Service, as far as it calls functions. */
export const snsDoor = (deps: SnsDoorDeps): AwsDoor =>
  queryDoor({
    service: 'sns',
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    version: '2010-03-31',
    limitBytes,
    operations: new Map(Object.entries(operations).map(([name, one]) => [name, guarded(deps, name, one)])),
  })

const guarded =
  (deps: SnsDoorDeps, name: string, run: SnsOperation): QueryOperation =>
  async ({ params, request }) => {
    const { region, triggers, publisher, authorizer, clock } = deps
    const { principal, sourceIp, headers } = request
    const traceHeader = cleanTraceHeader(headers['x-amzn-trace-id'])
    try {
      const named = topicIn(region, principal, name, params)
      const topic = named && (await find(deps, named, name))
      const refused = authorizer.authorize(principal, {
        // One permission is for both.
        action: `SNS:${name === 'PublishBatch' ? 'Publish' : name}`,
        ...(named ? askAbout(named, topic) : { resource: '*' }),
        context: {
          ...{ 'aws:sourceip': sourceIp, 'aws:sourceowner': principal.accountId },
          ...{
            'sns:protocol': params.optional('Protocol', anyText),
            'sns:endpoint': params.optional('Endpoint', anyText),
          },
        },
      })
      if (refused) throw new ServiceRefusal('AuthorizationError', refused.message, 403)
      return ok(await run({ principal, params, region, triggers, publisher, clock, topic, traceHeader }))
    } catch (error) {
      if (!(error instanceof ServiceRefusal)) throw error
      return err({ code: error.type, message: error.message, status: error.status })
    }
  }

function askAbout(
  named: TopicArn,
  topic: Topic | undefined,
): Pick<Ask, 'resource' | 'resourceAccount' | 'resourcePolicy'> {
  const { region, accountId, name } = named
  return {
    resource: topicArn(region, accountId, name),
    resourceAccount: accountId,
    resourcePolicy: topic && policyOf(topic),
  }
}

/** The topic that a request is about, by name, ARN, or ARN of a subscription; undefined: all of the account's. */
function topicIn(region: string, { accountId }: Principal, operation: string, params: Params): TopicArn | undefined {
  const arn = (member: string, subscription = false): TopicArn | undefined => {
    const text = params.optional(member, anyText)
    return text === undefined ? undefined : readArn(region, member, text, subscription)
  }
  if (operation === 'CreateTopic') return { region, accountId, name: readTopicName(params) }
  if (operation === 'ListTopics' || operation === 'ListSubscriptions') return undefined
  const named = arn('TopicArn') ?? arn('TargetArn') ?? arn('ResourceArn') ?? arn('SubscriptionArn', true)
  if (named) return named
  if (params.has('PhoneNumber')) throw notServed('PhoneNumber')
  throw invalid(
    `${operation === 'Publish' ? 'TopicArn or TargetArn' : 'TopicArn'} Reason: no value for required parameter`,
  )
}

/**
 * As the store has it: scripts change it and look at once, maybe through another frontend. Messages are too many for that;
 * they go by what is known here.
 */
async function find(
  { triggers }: SnsDoorDeps,
  { accountId, name }: TopicArn,
  operation: string,
): Promise<Topic | undefined> {
  const key = triggerKeys.topic(accountId, name)
  const known = operation.startsWith('Publish') ? triggers.get(key) : undefined
  const record = known ?? (await triggers.store.read(key))?.value
  return record?.kind === 'topic' ? record : undefined
}
