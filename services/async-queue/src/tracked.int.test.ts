import { createHash } from 'node:crypto'
import { functionName, newRequestId } from '@weft/contracts'
import { cancelInvocation, type TrackedInvocation } from '@weft/delivery'
import { expect, test } from 'vitest'
import { account, functionError, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startQueue } from './testing/queue-harness.ts'

const tracked = (requestId: string): TrackedInvocation => ({
  requestId,
  accountId: account,
  functionName: functionName('f'),
  invocationType: 'Event',
  state: 'queued',
  acceptedAtMs: Date.now(),
  keepMs: 3_600_000,
  payloadDigest: createHash('sha256').update('{}').digest('hex'),
  runs: 0,
})

test('the result of a tracked event is kept, with the runs it took', async () => {
  const invoker = new TestInvoker()
  invoker.answer = ({ attempt }) =>
    attempt === 1 ? functionError : { ...success, payload: new TextEncoder().encode('{"done":1}') }
  await using queue = await startQueue(invoker, new TestCatalogue('f'))
  const requestId = newRequestId()
  await queue.book.write(undefined, tracked(requestId))
  await queue.accept('f', {}, { requestId, tracked: true })
  const read = () => queue.book.read(account, requestId)
  await expect.poll(async () => (await read())?.invocation.state, { timeout: 20_000 }).toBe('ended')
  const entry = await read()
  expect(entry?.invocation).toMatchObject({
    condition: 'Success',
    runs: 2,
    statusCode: 200,
    executedVersion: '$LATEST',
  })
  expect(new TextDecoder().decode(entry?.answer)).toBe('{"done":1}')
})

test('an event that waits can be cancelled and does not run; one that has ended cannot', async () => {
  const invoker = new TestInvoker()
  await using queue = await startQueue(invoker, new TestCatalogue('f'))
  const requestId = newRequestId()
  await queue.book.write(undefined, tracked(requestId))
  expect(await cancelInvocation(queue.book, account, requestId, Date.now())).toMatchObject({ state: 'cancelled' })
  await queue.accept('f', {}, { requestId, tracked: true })
  await queue.drained()
  expect(await queue.ends()).toMatchObject([{ requestId, end: 'cancelled', condition: 'Cancelled', attempts: 0 }])
  expect(invoker.calls).toEqual([])

  const other = newRequestId()
  await queue.book.write(undefined, tracked(other))
  await queue.accept('f', {}, { requestId: other, tracked: true })
  await queue.drained()
  expect(await cancelInvocation(queue.book, account, other, Date.now())).toMatchObject({ state: 'ended' })
  expect(await cancelInvocation(queue.book, account, newRequestId(), Date.now())).toBeUndefined()
})

test('an event that comes again after its end is dropped', async () => {
  const invoker = new TestInvoker()
  await using queue = await startQueue(invoker, new TestCatalogue('f'))
  const requestId = newRequestId()
  await queue.book.write(undefined, tracked(requestId))
  for (const deduplicationId of ['one', 'two'])
    await queue.accept('f', {}, { requestId, tracked: true, deduplicationId })
  await queue.drained()
  expect(invoker.calls.length).toBeGreaterThan(0)
  expect(await queue.ends()).toHaveLength(1)
})
