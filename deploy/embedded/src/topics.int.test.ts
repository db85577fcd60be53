import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFabric, type TestFabric } from '@weft/kit'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { awsCli } from './testing/aws-cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const dir = mkdtempSync(join(tmpdir(), 'weft-topics-'))
const account = '000000000000'
const topic = `arn:aws:sns:us-east-1:${account}:orders`
const lambda = (name: string): string => `arn:aws:lambda:us-east-1:${account}:function:${name}`
let fabric: TestFabric
let link: NatsLink
let cli: ReturnType<typeof awsCli>

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  cli = awsCli(fabric, dir)
  const { nats, natsCreds } = fabric.connection
  link = await openLink({
    servers: [nats],
    name: 'test',
    creds: readFileSync(natsCreds, 'utf8'),
    log: silentLogger,
  })
  await link.jsm.streams.add({ name: 'LOST', subjects: ['lost.>'] })
  await cli.createTellers('all', 'red')
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const aws: typeof cli.aws = (...args) => cli.aws(...args)
const refused: typeof cli.refused = (...args) => cli.refused(...args)
/** Records that a function has been called with so far. */
const told = async (name: string): Promise<{ readonly Sns: object }[]> =>
  (await cli.told(name)).flatMap((event) => (event as { readonly Records: { readonly Sns: object }[] }).Records)
const permit = (name: string) => cli.permit(name, 'sns.amazonaws.com', topic)

test('a message of a topic calls the functions that it is for, each with the leave of its policy', async () => {
  expect(await aws('sns', 'create-topic', '--name', 'orders')).toEqual({ TopicArn: topic })
  const subscribe = (name: string, attributes: object) =>
    aws(
      ...['sns', 'subscribe', '--topic-arn', topic, '--protocol', 'lambda', '--notification-endpoint', lambda(name)],
      ...['--return-subscription-arn', '--attributes', JSON.stringify(attributes)],
    )
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: `arn:aws:jetstream:us-east-1:${account}:stream/LOST` })
  const all = await subscribe('all', { RedrivePolicy })
  await subscribe('red', { FilterPolicy: '{"color":["red"],"size":[{"numeric":[">",3]}]}' })
  await permit('red')
  const publish = async (message: string, attributes: object): Promise<string> => {
    const args = ['--subject', 'An order', '--message', message, '--message-attributes', JSON.stringify(attributes)]
    return (await aws('sns', 'publish', '--topic-arn', topic, ...args)).MessageId
  }
  const attributes = (color: string) => ({
    color: { DataType: 'String', StringValue: color },
    size: { DataType: 'Number', StringValue: '4' },
  })

  // Nobody has allowed the topic to call this function yet.
  const first = await publish('one', attributes('blue'))
  const lost = async () => (await link.jsm.streams.info('LOST')).state.messages
  await expect.poll(lost, { timeout: 60_000 }).toBe(1)
  const letter = await link.jsm.streams.getMessage('LOST', { seq: 1 })
  expect(letter?.header.get('Weft-Error-Code')).toBe('NO_PERMISSIONS')
  expect(letter?.header.get('Weft-Topic-Arn')).toBe(topic)
  expect(JSON.parse(letter?.string() ?? '')).toMatchObject({ Records: [{ Sns: { MessageId: first } }] })

  await permit('all')
  const second = await publish('two', attributes('blue'))
  const third = await publish('three', attributes('red'))
  const ids = async (name: string) => (await told(name)).map(({ Sns }) => (Sns as { MessageId?: string }).MessageId)
  await expect.poll(async () => (await ids('all')).sort(), { timeout: 60_000 }).toEqual([second, third].sort())
  await expect.poll(() => ids('red'), { timeout: 60_000 }).toEqual([third])
  const record = (await told('all')).find(({ Sns }) => (Sns as { MessageId?: string }).MessageId === third)
  expect(record).toEqual({
    EventSource: 'aws:sns',
    EventVersion: '1.0',
    EventSubscriptionArn: all.SubscriptionArn,
    Sns: {
      ...{ Type: 'Notification', MessageId: third, TopicArn: topic, Subject: 'An order', Message: 'three' },
      Timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      ...{ SignatureVersion: '1', Signature: '', SigningCertUrl: '' },
      UnsubscribeUrl: `/?Action=Unsubscribe&SubscriptionArn=${all.SubscriptionArn}`,
      MessageAttributes: { color: { Type: 'String', Value: 'red' }, size: { Type: 'Number', Value: '4' } },
    },
  })

  const entries = ['a', 'b'].map((Id) => ({ Id, Message: `batch ${Id}` }))
  const batch = await aws(
    ...['sns', 'publish-batch', '--topic-arn', topic, '--publish-batch-request-entries', JSON.stringify(entries)],
  )
  expect(batch.Successful.map(({ Id }: { readonly Id: string }) => Id)).toEqual(['a', 'b'])
  await expect.poll(async () => (await ids('all')).length, { timeout: 60_000 }).toBe(4)
})

test('a rule of an event bus sends to a topic', async () => {
  await aws('events', 'put-rule', '--name', 'sales', '--event-pattern', '{"source":["shop"]}')
  const target = { Id: 'topic', Arn: topic, InputPath: '$.detail' }
  await aws('events', 'put-targets', '--rule', 'sales', '--targets', JSON.stringify([target]))
  const sold = { Source: 'shop', DetailType: 'sold', Detail: '{"id":"o1"}' }
  await aws('events', 'put-events', '--entries', JSON.stringify([sold]))
  const texts = async () => (await told('all')).map(({ Sns }) => (Sns as { Message?: string }).Message)
  await expect.poll(texts, { timeout: 60_000 }).toContain('{"id":"o1"}')
})

test('topics and subscriptions are managed as SNS does it', async () => {
  const { TopicArn } = await aws(
    ...['sns', 'create-topic', '--name', 'news', '--attributes', 'DisplayName=News', '--tags', 'Key=team,Value=a'],
  )
  expect((await aws('sns', 'get-topic-attributes', '--topic-arn', TopicArn)).Attributes).toMatchObject({
    ...{ TopicArn, Owner: account, DisplayName: 'News', SubscriptionsConfirmed: '0' },
  })
  const named = ['--topic-arn', TopicArn]
  const { SubscriptionArn } = await aws(
    ...['sns', 'subscribe', ...named, '--protocol', 'lambda', '--notification-endpoint', lambda('all')],
  )
  const subscription = ['--subscription-arn', SubscriptionArn]
  await aws(
    ...['sns', 'set-subscription-attributes', ...subscription, '--attribute-name', 'FilterPolicyScope'],
    ...['--attribute-value', 'MessageBody'],
  )
  await aws(
    ...['sns', 'set-subscription-attributes', ...subscription, '--attribute-name', 'FilterPolicy'],
    ...['--attribute-value', '{"order":{"total":[{"numeric":[">",100]}]}}'],
  )
  expect((await aws('sns', 'get-subscription-attributes', ...subscription)).Attributes).toMatchObject({
    ...{ Protocol: 'lambda', Endpoint: lambda('all'), FilterPolicyScope: 'MessageBody', PendingConfirmation: 'false' },
  })
  expect(await aws('sns', 'list-subscriptions-by-topic', ...named)).toEqual({
    Subscriptions: [{ SubscriptionArn, Owner: account, Protocol: 'lambda', Endpoint: lambda('all'), TopicArn }],
  })
  await expect
    .poll(async () => (await aws('sns', 'list-topics')).Topics, { timeout: 60_000 })
    .toContainEqual({ TopicArn })
  const tags = await aws('sns', 'list-tags-for-resource', '--resource-arn', TopicArn)
  expect(tags).toEqual({ Tags: [{ Key: 'team', Value: 'a' }] })
  await aws('sns', 'unsubscribe', ...subscription)
  expect(await refused('sns', 'get-subscription-attributes', ...subscription)).toContain('(NotFound)')
  await aws('sns', 'delete-topic', ...named)
  // A frontend publishes by what it knows.
  await expect
    .poll(() => refused('sns', 'publish', ...named, '--message', 'x'), { timeout: 60_000 })
    .toMatch(/\(NotFound\) when calling the Publish operation.*: Topic does not exist/)
})

test.each([
  [['create-topic', '--name', 'a b'], '(InvalidParameter)', 'Topic Name'],
  [['create-topic', '--name', 'a.fifo'], '(InvalidParameter)', 'FIFO topic is not served'],
  [['publish', '--phone-number', '+1', '--message', 'x'], '(InvalidParameter)', 'PhoneNumber is not served'],
  [
    ['subscribe', '--topic-arn', topic, '--protocol', 'sqs', '--notification-endpoint', 'arn:aws:sqs:us-east-1:1:q'],
    '(InvalidParameter)',
    'sqs is not served',
  ],
  [
    ['publish', '--topic-arn', topic.replace(account, '111111111111'), '--message', 'x'],
    '(AuthorizationError)',
    'SNS:Publish',
  ],
  [['confirm-subscription', '--topic-arn', topic, '--token', 'x'], '(InvalidAction)', 'ConfirmSubscription'],
])('%j is refused', async (args, code, reason) => {
  const text = await refused('sns', ...args)
  expect(text).toContain(code)
  expect(text).toContain(reason)
})
