import { accountId, awsError, functionName } from '@weft/contracts'
import type { TrackedInvocation } from '@weft/delivery'
import { MemoryBook } from '@weft/delivery/testing'
import { FakeClock } from '@weft/platform/testing'
import { beforeEach, expect, it } from 'vitest'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { DoorRequest } from '../door.ts'
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
beforeEach(() => {
  book = new MemoryBook()
  allowed = true
  asked.length = 0
})
const authorizer = {
  authorize: (_: unknown, ask: { action: string; resource: string }) => {
    asked.push(`${ask.action} ${ask.resource}`)
    return allowed ? undefined : awsError('AccessDeniedException', 'no')
  },
} as unknown as Authorizer

const send = async (method: string, rawPath = `/2026-01-01/invocations/${requestId}`, id = account) => {
  const door = weftDoor({ book, authorizer, clock: new FakeClock(5_000), region: 'us-east-1' })
  const answer = await door.handle({ method, rawPath, principal: { accountId: id } } as DoorRequest)
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
