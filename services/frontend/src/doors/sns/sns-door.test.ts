import { limits, type TriggerRecord } from '@weft/contracts'
import type { TopicMessage } from '@weft/delivery'
import { MemoryCollection } from '@weft/registry/testing'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { doorRequest, sessionPrincipal, testAuthorizer, wholeBody } from '../testing.ts'
import { snsDoor } from './sns-door.ts'

const account = '123456789012'
const other = '999999999999'
const orders = `arn:aws:sns:us-east-1:${account}:orders`
const lambda = (name: string): string => `arn:aws:lambda:us-east-1:${account}:function:${name}`
const queue = `arn:aws:jetstream:us-east-1:${account}:stream/DEAD`

let published: { readonly topic: string; readonly message: TopicMessage }[]
let full: boolean
let door: ReturnType<typeof snsDoor>

beforeEach(async () => {
  published = []
  full = false
  door = snsDoor({
    ...{ triggers: new MemoryCollection<TriggerRecord>(), authorizer: testAuthorizer(), region: 'us-east-1' },
    clock: { now: () => Date.UTC(2026, 0, 15) },
    publisher: {
      async publish(_account, topic, message) {
        if (full) return { ok: false, error: 'store-full' }
        published.push({ topic, message })
        return { ok: true, value: undefined }
      },
    },
  })
  await sns('CreateTopic', { Name: 'orders' })
})

async function sns(
  action: string,
  parameters: Record<string, string> = {},
  principal = doorRequest({ accountId: account }).principal,
) {
  const body = Buffer.from(new URLSearchParams({ Action: action, Version: '2010-03-31', ...parameters }).toString())
  const response = await door.handle(doorRequest({ method: 'POST', body, principal }))
  const text = wholeBody(response).toString()
  const all = (name: string): string[] =>
    [...text.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, inner = '']) =>
      inner.replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
    )
  const one = (name: string): string => all(name)[0] ?? ''
  const keys = all('key')
  const values = all('value')
  const attributes = Object.fromEntries(keys.map((key, at) => [key, values[at]]))
  return { status: response.status, text, code: one('Code'), message: one('Message'), one, all, attributes }
}
const subscribe = async (name: string, attributes: Record<string, string> = {}) => {
  const entries = Object.entries(attributes).flatMap(([key, value], at) => [
    [`Attributes.entry.${at + 1}.key`, key],
    [`Attributes.entry.${at + 1}.value`, value],
  ])
  const parameters = { TopicArn: orders, Protocol: 'lambda', Endpoint: lambda(name), ...Object.fromEntries(entries) }
  return sns('Subscribe', parameters)
}

describe('topics', () => {
  it('are made once, shown, changed, listed and deleted', async () => {
    const made = await sns('CreateTopic', { Name: 'orders' })
    expect(made.text).toContain(`<CreateTopicResult><TopicArn>${orders}</TopicArn></CreateTopicResult>`)
    await sns('SetTopicAttributes', { TopicArn: orders, AttributeName: 'DisplayName', AttributeValue: 'Orders' })
    const { attributes } = await sns('GetTopicAttributes', { TopicArn: orders })
    expect(attributes).toMatchObject({
      TopicArn: orders,
      Owner: account,
      DisplayName: 'Orders',
      SubscriptionsConfirmed: '0',
    })
    expect(JSON.parse(attributes.Policy ?? '')).toMatchObject({ Statement: [{ Resource: orders }] })
    await sns('CreateTopic', { Name: 'a' })
    expect((await sns('ListTopics')).all('TopicArn')).toEqual([orders.replace('orders', 'a'), orders])
    expect((await sns('DeleteTopic', { TopicArn: orders })).status).toBe(200)
    expect((await sns('DeleteTopic', { TopicArn: orders })).status).toBe(200)
    const gone = await sns('GetTopicAttributes', { TopicArn: orders })
    expect(gone).toMatchObject({ status: 404, code: 'NotFound', message: 'Topic does not exist' })
  })

  it('are listed page by page', async () => {
    for (let n = 0; n < 104; n++) await sns('CreateTopic', { Name: `t${String(n).padStart(3, '0')}` })
    const first = await sns('ListTopics')
    expect(first.all('TopicArn')).toHaveLength(100)
    const second = await sns('ListTopics', { NextToken: first.one('NextToken') })
    expect(second.all('TopicArn')).toHaveLength(5)
    expect(second.one('NextToken')).toBe('')
  })

  it('are tagged', async () => {
    const tag = { 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': 'a + b' }
    await sns('TagResource', { ResourceArn: orders, ...tag })
    expect((await sns('ListTagsForResource', { ResourceArn: orders })).all('Value')).toEqual(['a + b'])
    expect(await sns('CreateTopic', { Name: 'orders', ...tag })).toMatchObject({ status: 200 })
    expect((await sns('CreateTopic', { Name: 'orders', ...tag, 'Tags.member.1.Value': 'c' })).message).toBe(
      'Invalid parameter: Tags Reason: Topic already exists with different tags',
    )
    await sns('UntagResource', { ResourceArn: orders, 'TagKeys.member.1': 'team' })
    expect((await sns('ListTagsForResource', { ResourceArn: orders })).all('Value')).toEqual([])
    expect(await sns('ListTagsForResource', { ResourceArn: `${orders}2` })).toMatchObject({
      status: 404,
      code: 'ResourceNotFound',
    })
  })
})

describe('subscriptions', () => {
  it('are made once for a function, shown, changed and ended', async () => {
    const made = await subscribe('a', { FilterPolicy: '{"color":["red"]}' })
    const arn = made.one('SubscriptionArn')
    expect(arn).toMatch(new RegExp(`^${orders}:[0-9a-f-]{36}$`))
    expect((await subscribe('a')).one('SubscriptionArn')).toBe(arn)
    expect((await subscribe('a', { FilterPolicy: '{"color":["blue"]}' })).message).toBe(
      'Invalid parameter: Attributes Reason: Subscription already exists with different attributes',
    )
    const set = (AttributeName: string, AttributeValue: string) =>
      sns('SetSubscriptionAttributes', { SubscriptionArn: arn, AttributeName, AttributeValue })
    expect((await set('FilterPolicyScope', 'MessageBody')).status).toBe(200)
    expect((await set('FilterPolicy', '{"a":{"b":[1]}}')).status).toBe(200)
    expect((await set('FilterPolicyScope', 'MessageAttributes')).message).toContain('does not support nested')
    await set('RedrivePolicy', JSON.stringify({ deadLetterTargetArn: queue }))
    expect((await sns('GetSubscriptionAttributes', { SubscriptionArn: arn })).attributes).toEqual({
      ...{ SubscriptionArn: arn, TopicArn: orders, Owner: account, Protocol: 'lambda', Endpoint: lambda('a') },
      ...{ RawMessageDelivery: 'false', PendingConfirmation: 'false', ConfirmationWasAuthenticated: 'true' },
      ...{ FilterPolicy: '{"a":{"b":[1]}}', FilterPolicyScope: 'MessageBody' },
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: queue }),
    })
    await set('FilterPolicy', '{}')
    await set('RedrivePolicy', '')
    const { attributes } = await sns('GetSubscriptionAttributes', { SubscriptionArn: arn })
    expect(Object.keys(attributes)).not.toContain('FilterPolicy')
    expect(Object.keys(attributes)).not.toContain('RedrivePolicy')
    await subscribe('b')
    const listed = await sns('ListSubscriptionsByTopic', { TopicArn: orders })
    expect(listed.all('Endpoint').sort()).toEqual([lambda('a'), lambda('b')])
    expect((await sns('ListSubscriptions')).all('TopicArn')).toEqual([orders, orders])
    for (let n = 0; n < 2; n++) expect((await sns('Unsubscribe', { SubscriptionArn: arn })).status).toBe(200)
    expect(await sns('GetSubscriptionAttributes', { SubscriptionArn: arn })).toMatchObject({
      ...{ status: 404, code: 'NotFound', message: 'Subscription does not exist' },
    })
  })

  it.each([
    [{ Protocol: 'sqs' }, 'Protocol Reason: sqs is not served by this fabric'],
    [{ Protocol: 'pigeon' }, 'Amazon SNS does not support this protocol string: pigeon'],
    [{ Endpoint: 'a' }, 'Lambda endpoint ARN'],
    [{ Endpoint: lambda('a').replace(account, other) }, 'of another account'],
    [
      { 'Attributes.entry.1.key': 'RawMessageDelivery', 'Attributes.entry.1.value': 'true' },
      'does not support raw message delivery',
    ],
    [
      { 'Attributes.entry.1.key': 'FilterPolicy', 'Attributes.entry.1.value': '{' },
      'Attributes Reason: FilterPolicy: failed to parse JSON',
    ],
    [
      {
        'Attributes.entry.1.key': 'RedrivePolicy',
        'Attributes.entry.1.value': '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:1:q"}',
      },
      'invalid arn',
    ],
    [{ 'Attributes.entry.1.key': 'Colour', 'Attributes.entry.1.value': 'red' }, 'AttributeName'],
  ])('%j is refused', async (more, reason) => {
    const refused = await sns('Subscribe', { TopicArn: orders, Protocol: 'lambda', Endpoint: lambda('a'), ...more })
    expect(refused).toMatchObject({ status: 400, code: 'InvalidParameter', message: expect.stringContaining(reason) })
  })
})

describe('messages', () => {
  it('are stored with subject and attributes before their id is told', async () => {
    const { one } = await sns('Publish', {
      ...{ TopicArn: orders, Message: 'Hello', Subject: 'Greeting' },
      ...{ 'MessageAttributes.entry.1.Name': 'color', 'MessageAttributes.entry.1.Value.DataType': 'String' },
      ...{ 'MessageAttributes.entry.1.Value.StringValue': 'red', 'MessageAttributes.entry.2.Name': 'size' },
      ...{ 'MessageAttributes.entry.2.Value.DataType': 'Number', 'MessageAttributes.entry.2.Value.StringValue': '4.5' },
    })
    const attributes = { color: { Type: 'String', Value: 'red' }, size: { Type: 'Number', Value: '4.5' } }
    const message = {
      id: one('MessageId'),
      message: 'Hello',
      subject: 'Greeting',
      attributes,
      publishedAtMs: Date.UTC(2026, 0, 15),
    }
    expect(published).toEqual([{ topic: 'orders', message }])
  })

  it('carry the lineage of a function that publishes', async () => {
    const traceHeader = 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=0a1b2c3d:2'
    const body = Buffer.from(new URLSearchParams({ Action: 'Publish', TopicArn: orders, Message: 'x' }).toString())
    const headers = { 'x-amzn-trace-id': traceHeader }
    await door.handle(doorRequest({ method: 'POST', body, headers, accountId: account }))
    expect(published[0]?.message.traceHeader).toBe(traceHeader)
  })

  it('have a text of their own for functions', async () => {
    const send = (bodies: object) =>
      sns('Publish', { TargetArn: orders, MessageStructure: 'json', Message: JSON.stringify(bodies) })
    await send({ default: 'all', lambda: 'functions', email: 'people' })
    await send({ default: 'all' })
    expect(published.map(({ message }) => message.message)).toEqual(['functions', 'all'])
    expect((await send({ lambda: 'functions' })).message).toContain('No default entry in JSON message body')
  })

  it('are refused while the topic is full', async () => {
    full = true
    expect(await sns('Publish', { TopicArn: orders, Message: 'x' })).toMatchObject({ status: 429, code: 'Throttled' })
  })

  it('are taken in batches, each by itself', async () => {
    const place = (n: number) => `PublishBatchRequestEntries.member.${n}`
    const entry = (n: number, Id: string, Message: string) => ({
      [`${place(n)}.Id`]: Id,
      [`${place(n)}.Message`]: Message,
    })
    const batch = { TopicArn: orders, ...entry(1, 'a', 'one'), ...entry(2, 'b', ''), ...entry(3, 'c', 'three') }
    const { text, all } = await sns('PublishBatch', batch)
    expect(published.map(({ message }) => message.message)).toEqual(['one', 'three'])
    expect(all('MessageId')).toEqual(published.map(({ message }) => message.id))
    expect(text).toContain('<Failed><member><Id>b</Id><Code>InvalidParameter</Code>')
    const same = { TopicArn: orders, ...entry(1, 'a', 'one'), ...entry(2, 'a', 'two') }
    expect((await sns('PublishBatch', same)).code).toBe('BatchEntryIdsNotDistinct')
    expect((await sns('PublishBatch', { TopicArn: orders })).code).toBe('EmptyBatchRequest')
    const long = 'x'.repeat(limits.topicMessageBytes / 2 + 1)
    const heavy = { TopicArn: orders, ...entry(1, 'a', long), ...entry(2, 'b', long) }
    expect((await sns('PublishBatch', heavy)).code).toBe('BatchRequestTooLong')
  })

  const attribute = (Name: string, DataType: string, StringValue: string) => ({
    ...{ 'MessageAttributes.entry.1.Name': Name, 'MessageAttributes.entry.1.Value.DataType': DataType },
    'MessageAttributes.entry.1.Value.StringValue': StringValue,
  })
  it.each<[Record<string, string>, string, string]>([
    [{ Message: '' }, 'InvalidParameter', 'Invalid parameter: Empty message'],
    [{ Message: 'x'.repeat(limits.topicMessageBytes + 1) }, 'InvalidParameter', 'Invalid parameter: Message too long'],
    [{ Subject: 'two\nlines' }, 'InvalidParameter', 'Invalid parameter: Subject'],
    [
      { TopicArn: 'orders' },
      'InvalidParameter',
      'Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1',
    ],
    [{ TopicArn: orders.replace('us-east-1', 'eu-west-1') }, 'InvalidParameter', 'Invalid parameter: TopicArn'],
    [{ TopicArn: `${orders}2` }, 'NotFound', 'Topic does not exist'],
    [{ MessageStructure: 'xml' }, 'InvalidParameter', 'Invalid parameter: MessageStructure'],
    [{ MessageGroupId: 'g' }, 'InvalidParameter', 'is not valid for this topic type'],
    [
      attribute('n', 'Number', 'many'),
      'ParameterValueInvalid',
      "Could not cast message attribute 'n' value to number.",
    ],
    [attribute('n', 'Date', '1'), 'ParameterValueInvalid', 'invalid message attribute type'],
    [attribute('n', 'String', ''), 'ParameterValueInvalid', 'must contain non-empty message attribute value'],
    [attribute('AWS.n', 'String', 'a'), 'InvalidParameter', 'reserved prefix'],
  ])('%j is refused', async (more, code, reason) => {
    const refused = await sns('Publish', { TopicArn: orders, Message: 'x', ...more })
    expect(refused).toMatchObject({ code, message: expect.stringContaining(reason) })
    expect(published).toEqual([])
  })
})

describe('who may', () => {
  const policy = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Resource: orders, ...statement } })

  it('publish is said by roles', async () => {
    const session = sessionPrincipal(account, 'publisher')
    const refused = await sns('Publish', { TopicArn: orders, Message: 'x' }, session)
    expect(refused).toMatchObject({ status: 403, code: 'AuthorizationError' })
    expect(refused.message).toContain(`is not authorized to perform: SNS:Publish on resource: ${orders}`)
  })

  it('publish from other accounts is said by the policy of the topic', async () => {
    const stranger = doorRequest({ accountId: other }).principal
    const send = () => sns('Publish', { TopicArn: orders, Message: 'x' }, stranger)
    expect(await send()).toMatchObject({ status: 403, code: 'AuthorizationError' })
    const allow = policy({ Principal: { AWS: other }, Action: 'SNS:Publish' })
    await sns('SetTopicAttributes', { TopicArn: orders, AttributeName: 'Policy', AttributeValue: allow })
    expect(await send()).toMatchObject({ status: 200 })
    expect(published).toHaveLength(1)
    expect(await sns('DeleteTopic', { TopicArn: orders }, stranger)).toMatchObject({ code: 'AuthorizationError' })
  })

  it('is refused where a policy is none', async () => {
    const parameters = { TopicArn: orders, AttributeName: 'Policy', AttributeValue: '{"Statement": 1}' }
    expect((await sns('SetTopicAttributes', parameters)).message).toContain('Invalid parameter: Policy Error: ')
  })
})

it('answers whatever it is asked, and goes on', async () => {
  const names = fc.constantFrom(
    ...['TopicArn', 'Name', 'SubscriptionArn', 'Attributes.entry.1.key', 'Attributes.entry.1.value', 'AttributeName'],
    ...['AttributeValue', 'Protocol', 'Endpoint', 'Message', 'MessageStructure', 'NextToken', 'ResourceArn'],
    ...['MessageAttributes.entry.1.Name', 'MessageAttributes.entry.1.Value.DataType', 'Tags.member.1.Key'],
    ...['PublishBatchRequestEntries.member.1.Id', 'PublishBatchRequestEntries.member.1.Message'],
  )
  const values = fc.oneof(
    fc.constantFrom(orders, 'orders', `${orders}:x`, 'lambda', lambda('a'), '{}', 'null', '[]', '{"a":[1]}'),
    fc.constantFrom('FilterPolicy', 'Policy', 'json', 'String', '__proto__', '\0', '%'),
    fc.string({ maxLength: 30 }),
  )
  const actions = fc.constantFrom(
    ...['CreateTopic', 'Subscribe', 'Unsubscribe', 'SetTopicAttributes', 'SetSubscriptionAttributes', 'Publish'],
    ...['PublishBatch', 'TagResource', 'UntagResource', 'ListTopics', 'GetSubscriptionAttributes', 'DeleteTopic'],
  )
  await fc.assert(
    fc.asyncProperty(actions, fc.dictionary(names, values), async (action, parameters) => {
      expect((await sns(action, parameters)).status).toBeLessThan(500)
    }),
    { numRuns: 500 },
  )
  expect((await sns('CreateTopic', { Name: 'after' })).status).toBe(200)
})
