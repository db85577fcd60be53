import { accountId, awsError, err, functionName, ok, type TriggerRecord } from '@weft/contracts'
import type { BusEvent, BusPublisher, TrackedInvocation } from '@weft/delivery'
import { MemoryBook } from '@weft/delivery/testing'
import { FakeClock } from '@weft/platform/testing'
import { MemoryCollection } from '@weft/registry/testing'
import { beforeEach, expect, it } from 'vitest'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { DoorRequest } from '../door.ts'
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
  const door = weftDoor({ invocations, events, region })
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
