import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { headers as natsHeaders } from '@nats-io/transport-node'
import { startFabric, type TestFabric } from '@weft/kit'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'
import { awsCli } from './testing/aws-cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const dir = mkdtempSync(join(tmpdir(), 'weft-targets-'))
const account = '000000000000'
const jetstream = (what: string): string => `arn:aws:jetstream:us-east-1:${account}:${what}`
const cloudevents = (what: string): string => `arn:aws:cloudevents:us-east-1:${account}:${what}`
let fabric: TestFabric
let link: NatsLink
let cli: ReturnType<typeof awsCli>

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  cli = awsCli(fabric, dir)
  const { nats, natsCreds } = fabric.connection
  link = await openLink({ servers: [nats], name: 'test', creds: readFileSync(natsCreds, 'utf8'), log: silentLogger })
  for (const name of ['OUT', 'ORDERS']) await link.jsm.streams.add({ name, subjects: [`${name.toLowerCase()}.>`] })
  await cli.createTellers('tell', 'heard')
  writeFileSync(join(dir, 'code/index.mjs'), 'export const handler = async () => { throw new Error("no") }\n')
  writeFileSync(join(dir, 'fail.zip'), await zipFolder(join(dir, 'code')))
  await aws('s3api', 'create-bucket', '--bucket', 'lost')
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const aws: typeof cli.aws = (...args) => cli.aws(...args)

/** A function that always fails. */
const createFailing = (name: string, ...more: string[]) =>
  aws(
    ...['lambda', 'create-function', '--function-name', name, '--runtime', 'nodejs24.x', '--handler', 'index.handler'],
    ...['--role', `arn:aws:iam::${account}:role/tell`, '--zip-file', `fileb://${dir}/fail.zip`, ...more],
  )

async function messages(name: string) {
  const { state } = await link.jsm.streams.info(name)
  const all = []
  for (let seq = state.first_seq || 1; seq <= state.last_seq; seq++) {
    const message = await link.jsm.streams.getMessage(name, { seq })
    const headers = Object.fromEntries((message?.header.keys() ?? []).map((key) => [key, message?.header.get(key)]))
    if (message) all.push({ subject: message.subject, headers, body: message.string() })
  }
  return all
}

/** Objects of the bucket, by their keys. */
async function objects(): Promise<ReadonlyMap<string, unknown>> {
  const { Contents = [] } = await aws('s3api', 'list-objects-v2', '--bucket', 'lost')
  const all = new Map<string, unknown>()
  for (const { Key } of Contents as { Key: string }[]) {
    await aws('s3api', 'get-object', '--bucket', 'lost', '--key', Key, join(dir, 'object'))
    all.set(Key, JSON.parse(readFileSync(join(dir, 'object'), 'utf8')))
  }
  return all
}

test('CloudEvents come in over HTTP and NATS, and go out to subjects in both modes', async () => {
  await aws('events', 'put-rule', '--name', 'placed', '--event-pattern', '{"detail-type":["order.placed"]}')
  const targets = [
    { Id: 'b', Arn: cloudevents('binary/out.binary') },
    { Id: 's', Arn: cloudevents('structured/out.structured') },
    {
      Id: 't',
      Arn: cloudevents('binary/out.made'),
      InputTransformer: { InputPathsMap: { n: '$.detail.n' }, InputTemplate: '{"number": <n>}' },
    },
  ]
  await aws('events', 'put-targets', '--rule', 'placed', '--targets', JSON.stringify(targets))

  const { http, accessKeyId, secretAccessKey } = fabric.connection
  const url = `${http}/2026-01-01/event-buses/default/events`
  const authorization = `Bearer ${accessKeyId}:${secretAccessKey}`
  const event = {
    specversion: '1.0',
    id: 'h1',
    source: '/shop',
    type: 'order.placed',
    subject: 'orders/ü',
    shopid: 'x',
  }
  const type = { 'content-type': 'application/cloudevents+json' }
  const structured = { authorization, ...type }
  const taken = await fetch(url, {
    method: 'POST',
    headers: structured,
    body: JSON.stringify({ ...event, data: { n: 1 } }),
  })
  expect(taken.status).toBe(202)
  expect(await taken.json()).toEqual({ EventIds: [expect.stringMatching(/^[0-9a-f-]{36}$/)] })
  expect((await fetch(url, { method: 'POST', headers: type, body: '{}' })).status).toBe(403)

  const ce = natsHeaders()
  const must = { 'ce-specversion': '1.0', 'ce-id': 'n1', 'ce-source': '/shop', 'ce-type': 'order.placed' }
  for (const [name, value] of Object.entries({ ...must, 'content-type': 'application/json' })) ce.set(name, value)
  const subject = `weft.invoke.${account}.$events.default`
  const reply = await link.connection.request(subject, '{"n":2}', { headers: ce, timeout: 10_000 })
  expect(reply.json()).toEqual({ EventIds: [expect.any(String)] })
  const refused = await link.connection.request(`${subject}.none`, '', { headers: ce, timeout: 10_000 })
  expect(refused.headers?.get('Weft-Error-Type')).toBe('ResourceNotFoundException')
  ce.set('ce-id', 'n2')
  link.connection.publish(subject, '{"n":3}', { headers: ce })

  await expect.poll(async () => (await messages('OUT')).length, { timeout: 60_000 }).toBe(9)
  const all = await messages('OUT')
  const of = (mode: string) => all.filter((one) => one.subject === `out.${mode}`)
  const [first] = of('binary')
  expect(first?.headers).toMatchObject({
    ...{ 'ce-specversion': '1.0', 'ce-id': 'h1', 'ce-source': '/shop', 'ce-type': 'order.placed', 'ce-shopid': 'x' },
    'ce-subject': 'orders/%C3%BC',
  })
  expect(
    of('binary')
      .map(({ body }) => body)
      .sort(),
  ).toEqual(['{"n":1}', '{"n":2}', '{"n":3}'])
  const bodies = of('structured').map(({ body }) => JSON.parse(body))
  expect(bodies.find(({ id }) => id === 'h1')).toEqual({ ...event, data: { n: 1 } })
  expect(of('structured')[0]?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
  expect(
    of('made')
      .map(({ body }) => JSON.parse(body).number)
      .sort(),
  ).toEqual([1, 2, 3])
})

test('what a mapping gives up goes to a bucket, with the records', async () => {
  await createFailing('failing')
  const { UUID } = await aws(
    ...[
      'lambda',
      'create-event-source-mapping',
      '--function-name',
      'failing',
      '--event-source-arn',
      jetstream('stream/ORDERS'),
    ],
    ...['--starting-position', 'TRIM_HORIZON', '--maximum-retry-attempts', '0'],
    ...['--destination-config', '{"OnFailure":{"Destination":"arn:aws:s3:::lost"}}'],
  )
  await link.js.publish('orders.new', '{"n":7}')
  await expect.poll(async () => (await objects()).size, { timeout: 90_000 }).toBe(1)
  const [[key = '', record] = []] = [...(await objects())]
  expect(key).toMatch(
    new RegExp(`^aws/lambda/${UUID}/\\d{4}/\\d\\d/\\d\\d/\\d{4}-\\d\\d-\\d\\dT\\d\\d\\.\\d\\d\\.\\d\\d-[0-9a-f-]{36}$`),
  )
  expect(record).toMatchObject({
    requestContext: { condition: 'RetryAttemptsExhausted' },
    JetStreamBatchInfo: { batchSize: 1, streamArn: jetstream('stream/ORDERS') },
    payload: { Records: [{ jetstream: { subject: 'orders.new' } }] },
  })
  await aws('lambda', 'delete-event-source-mapping', '--uuid', UUID)
  await aws('s3', 'rm', 's3://lost', '--recursive', '--quiet')
})

test('an event that failed goes to a bucket and, as a dead letter, through a topic to another function', async () => {
  const topic = (await aws('sns', 'create-topic', '--name', 'letters')).TopicArn
  await cli.permit('tell', 'sns.amazonaws.com', topic)
  await aws(
    ...['sns', 'subscribe', '--topic-arn', topic, '--protocol', 'lambda'],
    ...['--notification-endpoint', `arn:aws:lambda:us-east-1:${account}:function:tell`],
  )
  await createFailing('dying', '--dead-letter-config', `TargetArn=${topic}`)
  await aws(
    ...['lambda', 'put-function-event-invoke-config', '--function-name', 'dying', '--maximum-retry-attempts', '0'],
    ...['--destination-config', '{"OnFailure":{"Destination":"arn:aws:s3:::lost"}}'],
  )
  await aws(
    ...['lambda', 'invoke', '--function-name', 'dying', '--invocation-type', 'Event'],
    ...['--payload', Buffer.from('{"n":8}').toString('base64'), join(dir, 'answer')],
  )
  await expect.poll(async () => (await objects()).size, { timeout: 90_000 }).toBe(1)
  const [[key = '', record] = []] = [...(await objects())]
  expect(key).toMatch(/^aws\/lambda\/async\/dying\/\d{4}\/\d\d\/\d\d\//)
  expect(record).toMatchObject({ requestPayload: { n: 8 }, requestContext: { condition: 'RetriesExhausted' } })
  await expect
    .poll(() => cli.told('tell'), { timeout: 60_000 })
    .toMatchObject([
      {
        Records: [
          {
            Sns: {
              ...{ TopicArn: topic, Message: '{"n":8}' },
              MessageAttributes: { ErrorCode: { Value: '200' }, RequestID: { Type: 'String' } },
            },
          },
        ],
      },
    ])
})

test('a bucket tells a work queue and a topic, also of what another store says over HTTP or NATS', async () => {
  await link.jsm.streams.add({ name: 'JOBS', subjects: ['jobs.>'], retention: 'workqueue' })
  const topic = (await aws('sns', 'create-topic', '--name', 'removed')).TopicArn
  await cli.permit('heard', 'sns.amazonaws.com', topic)
  await aws(
    ...['sns', 'subscribe', '--topic-arn', topic, '--protocol', 'lambda'],
    ...['--notification-endpoint', `arn:aws:lambda:us-east-1:${account}:function:heard`],
  )
  await aws('s3api', 'create-bucket', '--bucket', 'photos')
  const wanted = {
    QueueConfigurations: [{ Id: 'jobs', QueueArn: jetstream('queue/JOBS'), Events: ['s3:ObjectCreated:*'] }],
    TopicConfigurations: [{ Id: 'gone', TopicArn: topic, Events: ['s3:ObjectRemoved:*'] }],
  }
  const configure = ['s3api', 'put-bucket-notification-configuration', '--bucket', 'photos']
  await aws(...configure, '--notification-configuration', JSON.stringify(wanted))
  expect(await aws('s3api', 'get-bucket-notification-configuration', '--bucket', 'photos')).toMatchObject(wanted)
  await aws('s3api', 'put-object', '--bucket', 'photos', '--key', 'own')
  await aws('s3api', 'delete-object', '--bucket', 'photos', '--key', 'own')

  const foreign = (key: string) =>
    JSON.stringify({
      ...{ EventName: 's3:ObjectCreated:Put', Key: `photos/${key}` },
      Records: [
        {
          eventSource: 'minio:s3',
          eventName: 's3:ObjectCreated:Put',
          s3: { bucket: { name: 'photos' }, object: { key } },
        },
      ],
    })
  const { http, accessKeyId, secretAccessKey } = fabric.connection
  const authorization = `Bearer ${accessKeyId}:${secretAccessKey}`
  const url = `${http}/2026-01-01/bucket-events`
  expect((await fetch(url, { method: 'POST', headers: { authorization }, body: foreign('hook') })).status).toBe(202)
  link.connection.publish(`weft.invoke.${account}.$buckets`, foreign('nats'))

  const jobs = async () =>
    (await messages('JOBS')).map(({ body }) => JSON.parse(body)).flatMap((one) => one.Records ?? [one.Event])
  await expect.poll(async () => (await jobs()).length, { timeout: 60_000 }).toBe(4)
  const [test, ...records] = await jobs()
  expect(test).toBe('s3:TestEvent')
  expect(records.map((record) => [record.eventSource, record.s3.configurationId, record.s3.object.key]).sort()).toEqual(
    [
      ['aws:s3', 'jobs', 'hook'],
      ['aws:s3', 'jobs', 'nats'],
      ['aws:s3', 'jobs', 'own'],
    ],
  )
  const heard = async () =>
    (await cli.told('heard'))
      .map((event) => (event as { Records: [{ Sns: { Subject: string; Message: string } }] }).Records[0].Sns)
      .filter(({ Message }) => Message.includes('Records'))
  await expect.poll(async () => (await heard()).length, { timeout: 60_000 }).toBe(1)
  const [message] = await heard()
  expect(message?.Subject).toBe('Amazon S3 Notification')
  expect(JSON.parse(message?.Message ?? '')).toMatchObject({
    Records: [{ eventName: 'ObjectRemoved:Delete', s3: { configurationId: 'gone', object: { key: 'own' } } }],
  })
})

test.each([
  ['OnSuccess', 'arn:aws:s3:::lost'],
  ['OnFailure', 'arn:aws:s3:::lost/key'],
  ['OnFailure', cloudevents('other/x')],
  ['OnFailure', `arn:aws:cloudevents:us-east-1:111111111111:binary/x`],
])('%s %s is no destination', async (on, arn) => {
  const config = JSON.stringify({ [on]: { Destination: arn } })
  const put = ['put-function-event-invoke-config', '--function-name', 'tell', '--destination-config', config]
  expect(await cli.refused('lambda', ...put)).toContain(`The destination ARN ${arn} is invalid.`)
})
