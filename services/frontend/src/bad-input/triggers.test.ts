import { accountId, ok, type TriggerRecord, triggerKeys } from '@weft/contracts'
import type { BusEvent } from '@weft/delivery'
import { MemoryBook } from '@weft/delivery/testing'
import { FakeClock } from '@weft/platform/testing'
import { MemoryCollection } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AwsDoor } from '../doors/door.ts'
import { eventsDoor } from '../doors/events/events-door.ts'
import { memoryObjectStore } from '../doors/s3/memory-store.ts'
import { testNotifier } from '../doors/s3/notifications/testing.ts'
import { s3Door } from '../doors/s3/s3-door.ts'
import { doorRequest, readBody, testAuthorizer } from '../doors/testing.ts'
import { invocationOperations } from '../doors/weft/invocations.ts'
import { weftDoor } from '../doors/weft/weft-door.ts'

const account = accountId('000000000000')
const region = 'us-east-1'
const arn = (what: string): string => `arn:aws:events:${region}:${account}:${what}`
/** Texts that mean something to a shell, a path, a subject, a parser or a prototype. */
const names = [
  '',
  ' ',
  '../x',
  'a b',
  'a*',
  '>',
  'weft.bus.*.*',
  '$JS.API',
  '__proto__ ',
  'a\u0000b',
  'ü',
  'x'.repeat(300),
  '%2e%2e',
  "a'--",
]
const odd = [null, 7, true, [], {}, [[]], { a: 1 }]

let events: AwsDoor
let s3: AwsDoor
let weft: AwsDoor
let put: BusEvent[]
let triggers: MemoryCollection<TriggerRecord>
let parts: ReturnType<typeof testNotifier>

beforeEach(async () => {
  put = []
  triggers = new MemoryCollection<TriggerRecord>()
  parts = testNotifier()
  const clock = new FakeClock(1_000_000)
  const authorizer = testAuthorizer()
  const publisher = {
    async put(_account: unknown, _bus: string, event: BusEvent) {
      put.push(event)
      return ok(undefined)
    },
  }
  const archives = { sizes: async () => new Map(), drop: async () => undefined }
  events = eventsDoor({ triggers, publisher, archives, authorizer, region, clock })
  s3 = s3Door({ store: memoryObjectStore(() => 0), authorizer, region, notifier: parts.notifier })
  weft = weftDoor({
    invocations: invocationOperations({ book: new MemoryBook(), authorizer, clock, region }),
    events: { triggers, publisher, authorizer, region, clock },
    bucketEvents: { notifier: parts.notifier, authorizer, region, clock },
    region,
  })
  await parts.notifier.store(account, 'photos', { functions: [], targets: [], eventBridge: true })
  await ask(s3, 'PUT', '/photos', '')
})

async function ask(
  door: AwsDoor,
  method: string,
  url: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
) {
  const [rawPath = '', rawQuery = ''] = url.split('?')
  const answer = await door.handle(doorRequest({ method, rawPath, rawQuery, headers, body: Buffer.from(body) }))
  return { status: answer.status, text: (await readBody(answer)).toString() }
}

/** Sends each, and tells those that were not refused clearly. */
async function unrefused(
  inputs: readonly string[],
  send: (input: string) => ReturnType<typeof ask>,
): Promise<string[]> {
  const wrong: string[] = []
  for (const input of inputs) {
    const { status, text } = await send(input)
    if (status < 400 || status >= 500 || text === '')
      wrong.push(`${input.slice(0, 200)} → ${status} ${text.slice(0, 200)}`)
  }
  return wrong
}

const eventBridge = (operation: string) => (body: string) =>
  ask(events, 'POST', '/', body, { 'x-amz-target': `AWSEvents.${operation}` })
const variants = (
  good: Readonly<Record<string, unknown>>,
  bad: Readonly<Record<string, readonly unknown[]>>,
): string[] =>
  Object.entries(bad).flatMap(([member, values]) => values.map((value) => JSON.stringify({ ...good, [member]: value })))

describe('B85, B89: triggers', () => {
  it('refuses archives and replays that are none', async () => {
    const archive = { ArchiveName: 'a', EventSourceArn: arn('event-bus/default') }
    const arns = [
      ...names,
      ...odd,
      arn('rule/x'),
      arn('event-bus/none'),
      'arn:aws:events:us-east-1:111111111111:event-bus/default',
    ]
    const badArchives = variants(archive, {
      ArchiveName: [...names, ...odd],
      EventSourceArn: arns,
      EventPattern: ['', '{', '[]', '{"a":1}', '{"a":[{"numeric":["<"]}]}', 'x'.repeat(5_000), ...odd.slice(1)],
      RetentionDays: [-1, 1.5, 1e20, '7', [], {}],
      Description: ['x'.repeat(513), 7],
      KmsKeyIdentifier: ['k'],
    })
    expect(await unrefused(['', 'null', '[]', '{', '"x"', ...badArchives], eventBridge('CreateArchive'))).toEqual([])
    expect((await eventBridge('CreateArchive')(JSON.stringify(archive))).status).toBe(200)
    const replay = {
      ...{ ReplayName: 'r', EventSourceArn: arn('archive/a'), EventStartTime: 1, EventEndTime: 2 },
      Destination: { Arn: arn('event-bus/default') },
    }
    const badReplays = variants(replay, {
      ReplayName: [...names, ...odd],
      EventSourceArn: [...names, ...odd, arn('archive/none'), arn('replay/a'), arn('event-bus/default')],
      EventStartTime: ['x', [], {}, true, 1e30, 3],
      EventEndTime: ['x', [], {}, 0, 1],
      Destination: [
        ...odd,
        'x',
        ...arns.map((Arn) => ({ Arn })),
        ...[['x'], [arn('rule/none')], [7], 'x'].map((FilterArns) => ({ ...replay.Destination, FilterArns })),
      ],
    })
    expect(await unrefused(badReplays, eventBridge('StartReplay'))).toEqual([])
    expect((await eventBridge('StartReplay')(JSON.stringify(replay))).status).toBe(200)
    expect([...triggers.store.entries.keys()].sort()).toEqual([
      triggerKeys.archive(account, 'a'),
      triggerKeys.replay(account, 'r'),
    ])
  })

  it('refuses entries that are none, each by itself', async () => {
    const entry = { Source: 's', DetailType: 't', Detail: '{}' }
    const wrap = (one: object): string => JSON.stringify({ Entries: [one] })
    const whole = variants({ Entries: [entry] }, { Entries: [...odd, 'x', Array(11).fill(entry)], EndpointId: ['e'] })
    expect(await unrefused(whole, eventBridge('PutEvents'))).toEqual([])
    for (const one of [
      { ...entry, Detail: '[]' },
      { ...entry, Source: 'aws.x' },
      { ...entry, EventBusName: 'none' },
    ]) {
      const { status, text } = await eventBridge('PutEvents')(wrap(one))
      expect([status, JSON.parse(text).FailedEntryCount]).toEqual([200, 1])
    }
    expect(put).toEqual([])
    // A trace that is none is nobody's to believe, and keeps no event away.
    expect((await eventBridge('PutEvents')(wrap({ ...entry, TraceHeader: '\r\nx: y' }))).status).toBe(200)
    expect(put).toHaveLength(1)
  })

  it('refuses targets that lead elsewhere', async () => {
    await eventBridge('PutRule')(JSON.stringify({ Name: 'r', EventPattern: '{"source":["a"]}' }))
    const targets = [
      ...names.map((Arn) => ({ Id: '1', Arn })),
      ...['subject/a', 'binary/', 'binary/a..b', 'binary/>', 'other/a', 'structured/a b'].map((what) => ({
        Id: '1',
        Arn: `arn:aws:cloudevents:${region}:${account}:${what}`,
      })),
      { Id: '1', Arn: `arn:aws:cloudevents:${region}:111111111111:binary/a` },
      { Id: '1', Arn: arn('archive/a') },
      { Id: '1', Arn: arn('event-bus/default') },
      { Id: '1', Arn: 'arn:aws:s3:::photos' },
    ].map((target) => JSON.stringify({ Rule: 'r', Targets: [target] }))
    expect(await unrefused(targets, eventBridge('PutTargets'))).toEqual([])
  })
})

describe('B83, B95: messages from outside', () => {
  it('refuses CloudEvents that are none', async () => {
    const good = { specversion: '1.0', id: '1', source: '/s', type: 't' }
    const post = (headers: Record<string, string>) => (body: string) =>
      ask(weft, 'POST', '/2026-01-01/event-buses/default/events', body, headers)
    const structured = post({ 'content-type': 'application/cloudevents+json' })
    const bad = variants(good, {
      ...{
        specversion: ['0.3', 1, ...odd],
        id: ['', ...odd],
        source: ['', 'aws.s3', ...odd],
        type: ['', 'x'.repeat(129), ...odd],
      },
      ...{
        time: ['now', 7, '2026-02-30T25:00:00Z'],
        subject: ['', 7, {}],
        ext: [{}, [], 1.5],
        'Bad-Name': ['x'],
        data_base64: ['!', 7],
      },
      data: ['x'.repeat(300_000)],
    })
    expect(await unrefused(['', 'x', 'null', '[]', '7', '\u0000', '{"__proto__":1}', ...bad], structured)).toEqual([])
    for (const type of ['application/cloudevents+avro', 'application/cloudevents-batch+json', 'text/plain'])
      expect(await unrefused(['', '[]', '{}', JSON.stringify(good)], post({ 'content-type': type }))).toEqual([])
    const buses = names
      .slice(1)
      .map((name) => `/2026-01-01/event-buses/${encodeURIComponent(name.toWellFormed())}/events`)
    expect(
      await unrefused(buses, (path) =>
        ask(weft, 'POST', path, JSON.stringify(good), { 'content-type': 'application/cloudevents+json' }),
      ),
    ).toEqual([])
    expect(put).toEqual([])
    expect((await structured(JSON.stringify(good))).status).toBe(202)
  })

  it('refuses bucket events that are none', async () => {
    const record = { eventName: 's3:ObjectCreated:Put', s3: { bucket: { name: 'photos' }, object: { key: 'k' } } }
    const send = (body: string) => ask(weft, 'POST', '/2026-01-01/bucket-events', body)
    const wrap = (one: unknown): string => JSON.stringify({ Records: [one] })
    const bad = [
      ...odd.map((one) => JSON.stringify({ Records: one })),
      ...odd.map(wrap),
      JSON.stringify({ Records: Array(101).fill(record) }),
      ...names.map((name) => wrap({ ...record, s3: { ...record.s3, bucket: { name } } })),
      ...['', 'ObjectCreated', 'ObjectCreated:*', 'ObjectCreated:a b', 'BucketCreated:Put', 7].map((eventName) =>
        wrap({ ...record, eventName }),
      ),
      ...['', '%zz', '%c0%af', 7, null].map((key) => wrap({ ...record, s3: { ...record.s3, object: { key } } })),
    ]
    expect(await unrefused(['', 'x', '7', 'null', '{}', ...bad], send)).toEqual([])
    expect(parts.published).toEqual([])
    expect((await send(wrap(record))).status).toBe(202)
    expect(parts.published).toHaveLength(1)
  })
})

describe('B82, B90: documents and keys of buckets', () => {
  it('refuses documents that are none', async () => {
    const bomb = `<!DOCTYPE a [<!ENTITY b "${'x'.repeat(1_000)}">]><Delete><Object><Key>&b;</Key></Object></Delete>`
    const deep = `${'<Delete>'.repeat(2_000)}${'</Delete>'.repeat(2_000)}`
    const documents = [
      '',
      'x',
      '<',
      '<Delete>',
      '<a/>',
      '{"Delete":1}',
      bomb,
      deep,
      '<Delete><Object><Key/></Object></Delete>',
      '\u0000',
    ]
    expect(await unrefused(documents, (body) => ask(s3, 'POST', '/photos?delete', body))).toEqual([])
    const { text } = await ask(s3, 'POST', '/photos/k?uploads', '')
    const id = /<UploadId>([0-9a-f-]+)</.exec(text)?.[1]
    const parts = ['1', '0', '-1', '10001', 'x', ''].map(
      (n) =>
        `<CompleteMultipartUpload><Part><PartNumber>${n}</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>`,
    )
    expect(
      await unrefused([...documents, ...parts], (body) => ask(s3, 'POST', `/photos/k?uploadId=${id}`, body)),
    ).toEqual([])
    const ids = names.map((name) => encodeURIComponent(name.toWellFormed()))
    expect(await unrefused(ids, (name) => ask(s3, 'PUT', `/photos/k?uploadId=${name}&partNumber=1`, 'x'))).toEqual([])
    expect(
      await unrefused(names, (source) => ask(s3, 'PUT', '/photos/c', '', { 'x-amz-copy-source': source || 'x' })),
    ).toEqual([])
    expect((await ask(s3, 'PUT', '/photos/k', 'x')).status).toBe(200)
  })
})
