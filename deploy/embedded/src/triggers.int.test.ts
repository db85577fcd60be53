import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFabric, type TestFabric } from '@weft/kit'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { awsCli } from './testing/aws-cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const dir = mkdtempSync(join(tmpdir(), 'weft-triggers-'))
const account = '000000000000'
const lambda = `arn:aws:lambda:us-east-1:${account}:function:tell`
const stream = (name: string): string => `arn:aws:jetstream:us-east-1:${account}:stream/${name}`
let fabric: TestFabric
let link: NatsLink
let cli: ReturnType<typeof awsCli>

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  cli = awsCli(fabric, dir)
  const { nats, natsCreds } = fabric.connection
  const creds = readFileSync(natsCreds, 'utf8')
  link = await openLink({ servers: [nats], name: 'test', creds, log: silentLogger })
  await cli.createTellers('tell')
  for (const name of ['SEEN', 'LOST']) await link.jsm.streams.add({ name, subjects: [`${name.toLowerCase()}.>`] })
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const aws: typeof cli.aws = (...args) => cli.aws(...args)
const refused: typeof cli.refused = (...args) => cli.refused(...args)
/** What the function has told so far, as it got it. */
const told = (): Promise<unknown[]> => cli.told('tell')

async function messages(name: string) {
  const { state } = await link.jsm.streams.info(name)
  const all = []
  for (let seq = state.first_seq || 1; seq <= state.last_seq; seq++) {
    const message = await link.jsm.streams.getMessage(name, { seq })
    if (message) all.push({ body: JSON.parse(message.string()), header: (key: string) => message.header.get(key) })
  }
  return all
}

test('events reach the targets of the rules that match them, as the targets want them', async () => {
  const rule = { source: ['shop'], detail: { total: [{ numeric: ['>', 100] }] } }
  const { RuleArn } = await aws('events', 'put-rule', '--name', 'big.orders', '--event-pattern', JSON.stringify(rule))
  expect(RuleArn).toBe(`arn:aws:events:us-east-1:${account}:rule/big.orders`)
  const targets = [
    {
      ...{ Id: 'fn', Arn: lambda, DeadLetterConfig: { Arn: stream('LOST') } },
      InputTransformer: {
        InputPathsMap: { n: '$.detail.total', id: '$.detail.id' },
        InputTemplate: '{"order": <id>, "text": "for <n>"}',
      },
    },
    { Id: 'st', Arn: stream('SEEN') },
  ]
  expect(await aws('events', 'put-targets', '--rule', 'big.orders', '--targets', JSON.stringify(targets))).toEqual({
    FailedEntryCount: 0,
    FailedEntries: [],
  })
  const entry = (id: string, total: number) => ({
    ...{ Source: 'shop', DetailType: 'order placed', Detail: JSON.stringify({ id, total }) },
  })
  const put = (...entries: object[]) => aws('events', 'put-events', '--entries', JSON.stringify(entries))

  // Nobody has allowed the bus to call the function yet.
  await put(entry('o1', 150))
  await expect.poll(async () => (await messages('LOST')).length, { timeout: 60_000 }).toBe(1)
  const [lost] = await messages('LOST')
  expect(lost?.body).toEqual({ order: 'o1', text: 'for 150' })
  expect(lost?.header('Weft-Error-Code')).toBe('NO_PERMISSIONS')

  await aws(
    ...[
      'lambda',
      'add-permission',
      '--function-name',
      'tell',
      '--statement-id',
      'bus',
      '--action',
      'lambda:InvokeFunction',
    ],
    ...['--principal', 'events.amazonaws.com', '--source-arn', `${RuleArn}`],
  )
  const answer = await put(entry('o2', 99), entry('o3', 101), { ...entry('x', 1), Detail: '[' })
  expect(answer.FailedEntryCount).toBe(1)
  expect(answer.Entries[2]).toEqual({ ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' })
  await expect.poll(told, { timeout: 60_000 }).toEqual([{ order: 'o3', text: 'for 101' }])
  await expect.poll(async () => (await messages('SEEN')).length, { timeout: 60_000 }).toBe(2)
  const [, seen] = await messages('SEEN')
  expect(seen?.body).toMatchObject({
    ...{ version: '0', source: 'shop', 'detail-type': 'order placed', account, region: 'us-east-1', resources: [] },
    detail: { id: 'o3', total: 101 },
  })
})

test('rules and buses are managed as EventBridge does it', async () => {
  const { EventBusArn } = await aws('events', 'create-event-bus', '--name', 'shop.events')
  expect(EventBusArn).toBe(`arn:aws:events:us-east-1:${account}:event-bus/shop.events`)
  await aws(
    'events',
    'put-rule',
    '--name',
    'r1',
    '--event-bus-name',
    'shop.events',
    '--event-pattern',
    '{"source":["a"]}',
  )
  expect(await aws('events', 'describe-rule', '--name', 'r1', '--event-bus-name', `${EventBusArn}`)).toMatchObject({
    Arn: `arn:aws:events:us-east-1:${account}:rule/shop.events/r1`,
    State: 'ENABLED',
  })
  await aws('events', 'disable-rule', '--name', 'r1', '--event-bus-name', 'shop.events')
  expect(await aws('events', 'list-rules', '--event-bus-name', 'shop.events')).toMatchObject({
    Rules: [{ Name: 'r1', State: 'DISABLED' }],
  })
  expect(await refused('events', 'delete-event-bus', '--name', 'shop.events')).toContain('has rules')
  await aws('events', 'delete-rule', '--name', 'r1', '--event-bus-name', 'shop.events')
  await aws('events', 'delete-event-bus', '--name', 'shop.events')
  const event = { id: '1', 'detail-type': 't', source: 'a', account, time: 't', region: 'r', resources: [], detail: {} }
  const args = ['--event-pattern', '{"source":[{"prefix":"a"}]}', '--event', JSON.stringify(event)]
  expect(await aws('events', 'test-event-pattern', ...args)).toEqual({ Result: true })
})

test.each([
  [['put-rule', '--name', 'r', '--event-pattern', '{"source":"a"}'], 'InvalidEventPatternException'],
  [
    ['put-rule', '--name', 'r', '--schedule-expression', 'rate(1 minutes)'],
    'Parameter ScheduleExpression is not valid.',
  ],
  [['put-rule', '--name', 'r'], 'Parameter(s) EventPattern or ScheduleExpression must be specified.'],
  [['put-rule', '--name', 'r r', '--event-pattern', '{"source":["a"]}'], 'must satisfy regular expression pattern'],
  [['describe-rule', '--name', 'none'], 'Rule none does not exist on EventBus default.'],
  [['put-targets', '--rule', 'none', '--targets', `[{"Id":"1","Arn":"${lambda}"}]`], 'Rule none does not exist'],
  [
    ['put-targets', '--rule', 'big.orders', '--targets', '[{"Id":"1","Arn":"arn:aws:sqs:us-east-1:000000000000:q"}]'],
    'not a supported target',
  ],
  [['put-events', '--entries', '[{"Source":"a","DetailType":"b","Detail":"{}","EventBusName":"none"}]'], 'done'],
  [
    ['create-connection', '--name', 'c', '--authorization-type', 'BASIC', '--auth-parameters', '{}'],
    'UnknownOperationException',
  ],
])('%j is refused', async (args, reason) => {
  expect(await refused('events', ...args)).toContain(reason)
})

test('a schedule fires once, at its time, with the rights of its role', async () => {
  const trust = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'scheduler.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  }
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: lambda }],
  }
  await aws('iam', 'create-role', '--role-name', 'clock', '--assume-role-policy-document', JSON.stringify(trust))
  await aws(
    ...[
      'iam',
      'put-role-policy',
      '--role-name',
      'clock',
      '--policy-name',
      'p',
      '--policy-document',
      JSON.stringify(policy),
    ],
  )
  const soon = new Date(Date.now() + 4_000).toISOString().slice(0, 19)
  const target = {
    Arn: lambda,
    RoleArn: `arn:aws:iam::${account}:role/clock`,
    Input: '{"at":"<aws.scheduler.scheduled-time>"}',
  }
  const { ScheduleArn } = await aws(
    ...['scheduler', 'create-schedule', '--name', 'once', '--schedule-expression', `at(${soon})`],
    ...['--flexible-time-window', 'Mode=OFF', '--target', JSON.stringify(target)],
  )
  expect(ScheduleArn).toBe(`arn:aws:scheduler:us-east-1:${account}:schedule/default/once`)
  expect(await aws('scheduler', 'get-schedule', '--name', 'once')).toMatchObject({
    State: 'ENABLED',
    GroupName: 'default',
  })
  const times = async () => (await told()).filter((one) => Object.hasOwn(one as object, 'at'))
  await expect.poll(times, { timeout: 60_000 }).toEqual([{ at: `${soon}Z` }])
  await aws('scheduler', 'delete-schedule', '--name', 'once')
  expect(await refused('scheduler', 'get-schedule', '--name', 'once')).toContain('Schedule once does not exist.')
  expect(
    await refused(
      'scheduler',
      'create-schedule',
      '--name',
      'bad',
      '--schedule-expression',
      'cron(1 2 3)',
      '--flexible-time-window',
      'Mode=OFF',
      '--target',
      JSON.stringify(target),
    ),
  ).toContain('Invalid Schedule Expression cron(1 2 3).')
})

test('a function is told of what is put into a bucket', async () => {
  await aws('s3api', 'create-bucket', '--bucket', 'photos')
  const wanted = {
    LambdaFunctionConfigurations: [
      {
        ...{ Id: 'pictures', LambdaFunctionArn: lambda, Events: ['s3:ObjectCreated:*'] },
        Filter: { Key: { FilterRules: [{ Name: 'suffix', Value: '.jpg' }] } },
      },
    ],
  }
  const put = ['s3api', 'put-bucket-notification-configuration', '--bucket', 'photos']
  const configured = () => refused(...put, '--notification-configuration', JSON.stringify(wanted))
  expect(await configured()).toContain('Unable to validate the following destination configurations')
  await aws(
    ...[
      'lambda',
      'add-permission',
      '--function-name',
      'tell',
      '--statement-id',
      's3',
      '--action',
      'lambda:InvokeFunction',
    ],
    ...['--principal', 's3.amazonaws.com', '--source-arn', 'arn:aws:s3:::photos', '--source-account', account],
  )
  expect(await configured()).toBe('done')
  expect(await aws('s3api', 'get-bucket-notification-configuration', '--bucket', 'photos')).toMatchObject(wanted)
  writeFileSync(join(dir, 'a.jpg'), 'picture')
  await aws('s3api', 'put-object', '--bucket', 'photos', '--key', 'in/a.jpg', '--body', join(dir, 'a.jpg'))
  await aws('s3api', 'put-object', '--bucket', 'photos', '--key', 'in/a.txt', '--body', join(dir, 'a.jpg'))
  const records = async () => (await told()).flatMap((one) => (one as { readonly Records?: object[] }).Records ?? [])
  await expect.poll(records, { timeout: 60_000 }).toMatchObject([
    {
      eventName: 'ObjectCreated:Put',
      s3: { configurationId: 'pictures', bucket: { name: 'photos' }, object: { key: 'in/a.jpg', size: 7 } },
    },
  ])
})
