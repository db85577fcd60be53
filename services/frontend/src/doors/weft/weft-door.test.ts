import { accountId, awsError, err, functionName, ok, type TriggerRecord } from '@weft/contracts'
import type { BusEvent, BusPublisher, TrackedInvocation } from '@weft/delivery'
import { MemoryBook } from '@weft/delivery/testing'
import { FakeClock } from '@weft/platform/testing'
import { MemoryCollection } from '@weft/registry/testing'
import { beforeEach, expect, it } from 'vitest'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { DoorRequest } from '../door.ts'
import type { Notifier } from '../s3/notifications/notifier.ts'
import { testNotifier } from '../s3/notifications/testing.ts'
import { invocationOperations } from './invocations.ts'
import { weftDoor } from './weft-door.ts'

const account = accountId('123456789012')
const requestId = '01234567-89ab-4cde-8f01-23456789abcd'
const invocation: TrackedInvocation = {
  requestId,
  accountId: account,
  functionName: functionName('f'),
  invocationType: 'Event',
  state: 'queued',
  acceptedAtMs: 0,
  keepMs: 3_600_000,
  payloadDigest: '',
  runs: 0,
}

let book: MemoryBook
let allowed: boolean
const asked: string[] = []
const put: { bus: string; event: BusEvent }[] = []
let full: boolean
let parts: ReturnType<typeof testNotifier>
const targetArn = 'arn:aws:jetstream:us-east-1:123456789012:queue/JOBS'
const publisher: BusPublisher = {
  async put(_, bus, event) {
    if (full) return err('store-full')
    put.push({ bus, event })
    return ok(undefined)
  },
}
beforeEach(() => {
  book = new MemoryBook()
  allowed = true
  asked.length = 0
  put.length = 0
  full = false
  parts = testNotifier()
  notifier = parts.notifier
})
const authorizer = {
  authorize: (_: unknown, ask: { action: string; resource: string }) => {
    asked.push(`${ask.action} ${ask.resource}`)
    return allowed ? undefined : awsError('AccessDeniedException', 'no')
  },
} as unknown as Authorizer

const send = async (
  method: string,
  rawPath = `/2026-01-01/invocations/${requestId}`,
  id = account,
  more: Partial<DoorRequest> = {},
) => {
  const clock = new FakeClock(5_000)
  const region = 'us-east-1'
  const events = { triggers: new MemoryCollection<TriggerRecord>(), publisher, authorizer, region, clock }
  const invocations = invocationOperations({ book, authorizer, clock, region })
  const bucketEvents = { notifier, authorizer, region, clock }
  const door = weftDoor({ invocations, events, bucketEvents, region })
  const answer = await door.handle({ method, rawPath, principal: { accountId: id }, ...more } as DoorRequest)
  return { status: answer.status, body: JSON.parse(`${answer.body}`) as Record<string, unknown> }
}

it('tells what became of an invocation, with its answer', async () => {
  expect((await send('GET')).status).toBe(404)
  await book.write(
    undefined,
    { ...invocation, state: 'ended', endedAtMs: 1_000, condition: 'Success', runs: 1 },
    Buffer.from('{"a":1}'),
  )
  expect(await send('GET')).toEqual({
    status: 200,
    body: {
      RequestId: requestId,
      FunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:f',
      InvocationType: 'Event',
      State: 'ended',
      Condition: 'Success',
      Runs: 1,
      AcceptedAt: '1970-01-01T00:00:00.000Z',
      EndedAt: '1970-01-01T00:00:01.000Z',
      KeptUntil: '1970-01-01T01:00:01.000Z',
      Payload: '{"a":1}',
    },
  })
  expect((await send('GET', undefined, accountId('210987654321'))).status).toBe(404)
})

it('cancels what waits, and nothing else', async () => {
  await book.write(undefined, invocation)
  expect(await send('DELETE')).toMatchObject({ status: 200, body: { State: 'cancelled', Condition: 'Cancelled' } })
  const [entry] = book.entries.values()
  if (entry) await book.write(entry, { ...invocation, state: 'running' })
  expect(await send('DELETE')).toMatchObject({ status: 409, body: { Code: 'ResourceConflictException' } })
})

it('lets through whom the policies allow, and knows no other paths', async () => {
  allowed = false
  await book.write(undefined, invocation)
  expect((await send('GET')).status).toBe(403)
  expect((await send('DELETE')).status).toBe(403)
  const arn = 'arn:aws:lambda:us-east-1:123456789012:function:f'
  expect(asked).toEqual([`weft:GetInvocation ${arn}`, `weft:CancelInvocation ${arn}`])
  for (const path of ['/', '/2026-01-01/invocations/x', `/2026-01-01/invocations/${requestId}/`])
    expect((await send('GET', path)).status).toBe(404)
  expect((await send('POST')).status).toBe(404)
})

let notifier: Notifier
const minio = (bucket = 'photos', more: object = {}) =>
  JSON.stringify({
    ...{ EventName: 's3:ObjectCreated:Put', Key: `${bucket}/in/a b.jpg` },
    Records: [
      {
        ...{ eventVersion: '2.0', eventSource: 'minio:s3', eventTime: 'T', eventName: 's3:ObjectCreated:Put' },
        s3: { bucket: { name: bucket }, object: { key: 'in/a+b.jpg', size: 5, sequencer: '1', ...more } },
      },
    ],
  })
const notice = (body: string) =>
  send('POST', '/2026-01-01/bucket-events', account, { headers: {}, body: Buffer.from(body) })

it('tells of what another store says whom the bucket of that name names', async () => {
  const { told, notices, published } = parts
  const settings = {
    functions: [],
    eventBridge: true,
    targets: [{ id: 'q', kind: 'queue' as const, targetArn, events: ['s3:ObjectCreated:*'], prefix: 'in/a b' }],
  }
  await notifier.store(account, 'photos', settings)
  expect((await notice(minio())).status).toBe(202)
  expect((await notice(minio('photos', { key: 'out/b.jpg' }))).status).toBe(202)
  const heard = notices.map(({ payload }) => JSON.parse(payload)).filter((one) => one.Records)
  expect(heard).toMatchObject([
    {
      Records: [
        {
          eventSource: 'aws:s3',
          eventName: 'ObjectCreated:Put',
          s3: { configurationId: 'q', object: { key: 'in/a+b.jpg' } },
        },
      ],
    },
  ])
  expect(published).toMatchObject([
    { 'detail-type': 'Object Created', detail: { object: { key: 'in/a b.jpg', size: 5 } } },
    {},
  ])
  // The same message again is the same event.
  await notice(minio())
  expect(published[2]?.id).toBe(published[0]?.id)
  expect(told).toEqual([])
})

it.each([
  ['no JSON', 'x', 400],
  ['no records', '{}', 400],
  ['a record that is none', '{"Records":[null]}', 400],
  ['another event', minio().replaceAll('ObjectCreated:Put', 'BucketCreated:x'), 400],
  ['a name that is none', minio('../x'), 400],
  ['a bucket that nobody listens to', minio('other'), 404],
])('%s is refused', async (_, body, status) => {
  expect((await notice(body)).status).toBe(status)
})

it('tells the store to try again when somebody could not be told', async () => {
  await notifier.store(account, 'photos', {
    functions: [],
    eventBridge: false,
    targets: [{ id: 'q', kind: 'queue', targetArn, events: ['s3:ObjectCreated:*'] }],
  })
  parts.answers.accept = false
  expect((await notice(minio())).status).toBe(503)
  allowed = false
  expect((await notice(minio())).status).toBe(403)
})

const post = (headers: Record<string, string>, body: string, bus = 'default') =>
  send('POST', `/2026-01-01/event-buses/${bus}/events`, account, { headers, body: Buffer.from(body) })
const must = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/shop', 'ce-type': 'order.placed' }
const json = { 'content-type': 'application/json' }

it('takes CloudEvents onto a bus, one or a batch, in both modes', async () => {
  const one = await post({ ...must, ...json }, '{"total":5}')
  expect(one).toEqual({ status: 202, body: { EventIds: [put[0]?.event.id] } })
  expect(put[0]).toMatchObject({ bus: 'default', event: { source: '/shop', detail: { total: 5 } } })
  expect(asked).toEqual(['events:PutEvents arn:aws:events:us-east-1:123456789012:event-bus/default'])
  const event = { specversion: '1.0', id: '2', source: '/shop', type: 't' }
  const batch = { 'content-type': 'application/cloudevents-batch+json' }
  const many = await post(batch, JSON.stringify([event, { ...event, id: '3' }]))
  expect((many.body.EventIds as string[]).length).toBe(2)
})

it('takes none of those that it cannot keep', async () => {
  expect(await post(json, '{}')).toMatchObject({ status: 400, body: { Code: 'InvalidParameterValueException' } })
  expect(await post({ ...must, 'ce-source': 'aws.s3' }, '')).toMatchObject({ status: 400 })
  expect(await post(must, '', 'none')).toMatchObject({
    status: 404,
    body: { Message: 'Event bus none does not exist.' },
  })
  expect(await post(must, '', 'a%20b')).toMatchObject({ status: 404 })
  full = true
  expect(await post(must, '')).toMatchObject({ status: 503, body: { Code: 'ServiceUnavailableException' } })
  full = false
  allowed = false
  expect((await post(must, '')).status).toBe(403)
  expect(put).toEqual([])
})
