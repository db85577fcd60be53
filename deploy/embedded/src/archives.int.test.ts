import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFabric, type TestFabric } from '@weft/kit'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { awsCli } from './testing/aws-cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const dir = mkdtempSync(join(tmpdir(), 'weft-archives-'))
const account = '000000000000'
const arn = (what: string): string => `arn:aws:events:us-east-1:${account}:${what}`
const stream = (name: string): string => `arn:aws:jetstream:us-east-1:${account}:stream/${name}`
let fabric: TestFabric
let link: NatsLink
let cli: ReturnType<typeof awsCli>

async function connect(): Promise<void> {
  cli = awsCli(fabric, dir)
  const { nats, natsCreds } = fabric.connection
  link = await openLink({ servers: [nats], name: 'test', creds: readFileSync(natsCreds, 'utf8'), log: silentLogger })
}

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  await connect()
  for (const name of ['SEEN', 'OTHER']) {
    await link.jsm.streams.add({ name, subjects: [`${name.toLowerCase()}.>`] })
    await events('put-rule', '--name', name, '--event-pattern', '{"source":["shop"]}')
    await events('put-targets', '--rule', name, '--targets', JSON.stringify([{ Id: '1', Arn: stream(name) }]))
  }
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const events: typeof cli.aws = (...args) => cli.aws('events', ...args)
const refused: typeof cli.refused = (...args) => cli.refused('events', ...args)

interface Seen {
  readonly id: string
  readonly 'replay-name'?: string
  readonly detail: { readonly n: number }
}

async function messages(name: string): Promise<readonly Seen[]> {
  const { state } = await link.jsm.streams.info(name)
  const all: Seen[] = []
  for (let seq = state.first_seq || 1; seq <= state.last_seq; seq++)
    all.push((await link.jsm.streams.getMessage(name, { seq }))?.json<Seen>() as Seen)
  return all
}

const entry = (n: number, source = 'shop') => ({ Source: source, DetailType: 'order', Detail: JSON.stringify({ n }) })
const put = (...entries: object[]) => events('put-events', '--entries', JSON.stringify(entries))
const iso = (ms: number): string => new Date(ms).toISOString()
const countOf = async (archive: string): Promise<number> =>
  (await events('describe-archive', '--archive-name', archive)).EventCount
const stateOf = async (replay: string): Promise<string> =>
  (await events('describe-replay', '--replay-name', replay)).State

test('an archive keeps what of its bus matches, and gives it back to the rules that are named', async () => {
  const made = await events(
    ...['create-archive', '--archive-name', 'shop.orders', '--event-source-arn', arn('event-bus/default')],
    ...['--event-pattern', '{"source":["shop"]}', '--retention-days', '7', '--description', 'orders'],
  )
  expect(made).toEqual({
    ...{ ArchiveArn: arn('archive/shop.orders'), State: 'ENABLED', CreationTime: expect.any(String) },
  })
  const fromMs = Date.now() - 1_000
  await put(entry(1), entry(2), entry(3, 'elsewhere'))
  await expect.poll(() => countOf('shop.orders'), { timeout: 60_000 }).toBe(2)
  expect(await events('describe-archive', '--archive-name', 'shop.orders')).toMatchObject({
    ...{ ArchiveName: 'shop.orders', EventSourceArn: arn('event-bus/default'), RetentionDays: 7, State: 'ENABLED' },
    ...{ EventPattern: '{"source":["shop"]}', Description: 'orders', SizeBytes: expect.any(Number) },
  })
  await expect.poll(async () => (await messages('SEEN')).length, { timeout: 60_000 }).toBe(2)

  const started = await events(
    ...['start-replay', '--replay-name', 'again', '--event-source-arn', arn('archive/shop.orders')],
    ...['--event-start-time', iso(fromMs), '--event-end-time', iso(Date.now() + 60_000)],
    ...['--destination', JSON.stringify({ Arn: arn('event-bus/default'), FilterArns: [arn('rule/SEEN')] })],
  )
  expect(started).toEqual({
    ...{ ReplayArn: arn('replay/again'), State: 'STARTING', ReplayStartTime: expect.any(String) },
  })
  await expect.poll(() => stateOf('again'), { timeout: 60_000 }).toBe('COMPLETED')
  await expect.poll(async () => (await messages('SEEN')).length, { timeout: 60_000 }).toBe(4)
  const [first, , again] = await messages('SEEN')
  expect(again).toEqual({ ...first, 'replay-name': 'again' })
  // The other rule matches as well, and is not among those the replay is for; and nothing is archived twice.
  expect(await messages('OTHER')).toHaveLength(2)
  expect(await countOf('shop.orders')).toBe(2)
  expect(await events('list-replays', '--name-prefix', 'ag')).toMatchObject({
    Replays: [
      {
        ...{ ReplayName: 'again', EventSourceArn: arn('archive/shop.orders'), State: 'COMPLETED' },
        ...{ EventLastReplayedTime: expect.any(String), ReplayEndTime: expect.any(String) },
      },
    ],
  })
  expect(await refused('cancel-replay', '--replay-name', 'again')).toContain(
    'Replay again is not in a valid state for this operation.',
  )
})

test('archives are changed, listed and deleted with what they keep', async () => {
  const create = (name: string) =>
    events('create-archive', '--archive-name', name, '--event-source-arn', arn('event-bus/default'))
  await create('a1')
  await create('a2')
  await events('update-archive', '--archive-name', 'a1', '--retention-days', '3', '--event-pattern', '{"source":["x"]}')
  expect(await events('list-archives', '--name-prefix', 'a')).toMatchObject({
    Archives: [
      { ArchiveName: 'a1', RetentionDays: 3 },
      { ArchiveName: 'a2', RetentionDays: 0 },
    ],
  })
  const page = await events('list-archives', '--limit', '1', '--event-source-arn', arn('event-bus/default'))
  expect(page).toMatchObject({ Archives: [{ ArchiveName: 'a1' }], NextToken: expect.any(String) })
  await put(entry(9))
  await expect.poll(() => countOf('a2'), { timeout: 60_000 }).toBe(1)
  expect(await countOf('a1')).toBe(0)
  await events('delete-archive', '--archive-name', 'a2')
  await create('a2')
  expect(await countOf('a2')).toBe(0)
  for (const name of ['a1', 'a2']) await events('delete-archive', '--archive-name', name)
})

const replayOf = (
  name: string,
  change: { archive?: string; bus?: string; from?: number; to?: number; rule?: string },
) => [
  ...['start-replay', '--replay-name', name, '--event-source-arn', arn(change.archive ?? 'archive/shop.orders')],
  ...['--event-start-time', iso(change.from ?? 0), '--event-end-time', iso(change.to ?? 1_000)],
  '--destination',
  JSON.stringify({
    Arn: arn(change.bus ?? 'event-bus/default'),
    ...(change.rule !== undefined && { FilterArns: [arn(change.rule)] }),
  }),
]

test.each([
  [
    ['create-archive', '--archive-name', 'shop.orders', '--event-source-arn', arn('event-bus/default')],
    'Archive shop.orders already exists.',
  ],
  [
    ['create-archive', '--archive-name', 'x', '--event-source-arn', arn('event-bus/none')],
    'Event bus none does not exist.',
  ],
  [['create-archive', '--archive-name', 'x', '--event-source-arn', arn('rule/r')], 'Must contain an event bus ARN.'],
  [
    ['create-archive', '--archive-name', 'x y', '--event-source-arn', arn('event-bus/default')],
    'must satisfy regular expression pattern',
  ],
  [
    ['create-archive', '--archive-name', 'x'.repeat(49), '--event-source-arn', arn('event-bus/default')],
    'length less than or equal to 48',
  ],
  [
    [
      'create-archive',
      '--archive-name',
      'x',
      '--event-source-arn',
      arn('event-bus/default'),
      '--event-pattern',
      '{"a":1}',
    ],
    'InvalidEventPatternException',
  ],
  [['update-archive', '--archive-name', 'none'], 'Archive none does not exist.'],
  [['delete-archive', '--archive-name', 'none'], 'Archive none does not exist.'],
  [['describe-archive', '--archive-name', 'none'], 'Archive none does not exist.'],
  [['list-archives', '--event-source-arn', arn('event-bus/none')], 'Event bus none does not exist.'],
  [['list-archives', '--name-prefix', 'a', '--state', 'ENABLED'], 'At most one filter is allowed for ListArchives.'],
  [['describe-replay', '--replay-name', 'none'], 'Replay none does not exist.'],
  [['cancel-replay', '--replay-name', 'none'], 'Replay none does not exist.'],
  [replayOf('again', {}), 'Replay again already exists.'],
  [replayOf('r', { archive: 'event-bus/default' }), 'Must contain an archive ARN.'],
  [replayOf('r', { archive: 'archive/none' }), 'Archive none does not exist.'],
  [
    replayOf('r', { bus: 'rule/SEEN' }),
    'Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.',
  ],
  [replayOf('r', { bus: 'event-bus/none' }), 'Event bus none does not exist.'],
  [replayOf('r', { from: 2_000, to: 1_000 }), 'EventStartTime must be before EventEndTime.'],
  [replayOf('r', { rule: 'rule/none' }), 'Rule none does not exist on EventBus default.'],
  [replayOf('r', { rule: 'rule/other/SEEN' }), 'Must contain rules of the event bus.'],
])('%j is refused', async (args, reason) => {
  expect(await refused(...args)).toContain(reason)
})

test('a replay goes to the bus of its archive alone, and a bus with an archive stays', async () => {
  await events('create-event-bus', '--name', 'far')
  expect(await refused(...replayOf('r', { bus: 'event-bus/far' }))).toContain(
    'Cross event bus replay is not permitted.',
  )
  await events('create-archive', '--archive-name', 'of-far', '--event-source-arn', arn('event-bus/far'))
  expect(await refused('delete-event-bus', '--name', 'far')).toContain('Event bus far has archives.')
  await events('delete-archive', '--archive-name', 'of-far')
  await events('delete-event-bus', '--name', 'far')
})

test('a replay goes on when the fabric was killed in the middle of it', async () => {
  await link.jsm.streams.purge('SEEN')
  const count = 300
  const fromMs = Date.now()
  for (let n = 0; n < count; n += 10) await put(...Array.from({ length: 10 }, (_, i) => entry(n + i)))
  await expect.poll(() => countOf('shop.orders'), { timeout: 120_000 }).toBeGreaterThanOrEqual(count)
  await expect.poll(async () => (await messages('SEEN')).length, { timeout: 120_000 }).toBe(count)
  await events(...replayOf('long', { from: fromMs, to: Date.now() + 60_000, rule: 'rule/SEEN' }))
  await expect
    .poll(async () => (await link.jsm.streams.info('SEEN')).state.messages, { timeout: 60_000, interval: 5 })
    .toBeGreaterThan(count)
  fabric.kill('SIGKILL')
  await link[Symbol.asyncDispose]()
  await fabric.restart()
  await connect()
  await expect.poll(() => stateOf('long'), { timeout: 120_000 }).toBe('COMPLETED')
  const replayed = async () => (await messages('SEEN')).filter((one) => one['replay-name'] === 'long')
  await expect.poll(async () => new Set((await replayed()).map(({ id }) => id)).size, { timeout: 120_000 }).toBe(count)
  // What was on its way when the power went comes again under the id that it had, within the two minutes of that.
  expect((await replayed()).length).toBe(count)
})
