import { functionName, headers, streams } from '@weft/contracts'
import { mostRunsInChain } from '@weft/delivery'
import { expect, test } from 'vitest'
import { account, functionRecord, region, success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startQueue } from './testing/queue-harness.ts'

test('two functions that are destinations of each other stop after 16 runs each, and the event is kept', async () => {
  const invoker = new TestInvoker()
  const catalogue = new TestCatalogue()
  const arn = (name: string) => `arn:aws:lambda:${region}:${account}:function:${name}`
  catalogue.set(functionRecord('ping', { eventInvoke: { onSuccessArn: arn('pong') } }))
  catalogue.set(functionRecord('pong', { eventInvoke: { onSuccessArn: arn('ping') } }))
  await using queue = await startQueue(invoker, catalogue)
  await queue.accept('ping')
  await expect
    .poll(async () => (await queue.ends()).filter((end) => end.condition === 'RecursiveInvocation'), {
      timeout: 60_000,
    })
    .toMatchObject([{ functionName: 'ping', end: 'dead-lettered', attempts: 0 }])
  await queue.drained()
  expect(invoker.calls).toHaveLength(2 * mostRunsInChain)
  const [letter] = await queue.messages(streams.dead)
  expect(letter?.header.get(headers.deadErrorMessage)).toContain('recursive loop')
})

test('a function that allows loops goes on', async () => {
  const invoker = new TestInvoker()
  const catalogue = new TestCatalogue()
  catalogue.set(functionRecord('self', { recursiveLoop: 'Allow' }))
  await using queue = await startQueue(invoker, catalogue)
  invoker.answer = async ({ traceHeader }) => {
    if (invoker.calls.length < mostRunsInChain + 3 && traceHeader !== undefined)
      await queue.accept('self', invoker.calls.length, { traceHeader })
    return success
  }
  await queue.accept('self')
  await expect.poll(async () => (await queue.ends()).length, { timeout: 60_000 }).toBe(mostRunsInChain + 3)
  expect((await queue.ends()).every((end) => end.condition === 'Success')).toBe(true)
  expect(catalogue.function(account, functionName('self'))?.recursiveLoop).toBe('Allow')
})
