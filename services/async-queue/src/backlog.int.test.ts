import { functionName } from '@weft/contracts'
import { delay, systemClock } from '@weft/platform'
import { expect, test } from 'vitest'
import { success, TestCatalogue, TestInvoker } from './fixtures.ts'
import { startQueue } from './testing/queue-harness.ts'

test('the backlog of a slow function does not hold up another of the same account', async () => {
  const invoker = new TestInvoker()
  let open = false
  invoker.answer = async ({ target }) => {
    while (target.record.functionName === functionName('slow') && !open) await delay(systemClock, 20)
    return success
  }
  await using queue = await startQueue(invoker, new TestCatalogue('slow', 'quick'), {
    accountConcurrency: 8,
    lookAhead: 16,
    waitingPerFunction: 2,
  })
  for (let n = 0; n < 200; n++) await queue.accept('slow', n)
  await expect.poll(() => invoker.calls.length, { timeout: 20_000 }).toBe(8)
  await queue.accept('quick')
  // All places are taken: the quick one has the next that comes free, whatever lies before it in the stream.
  await delay(systemClock, 2_000)
  open = true
  await expect
    .poll(() => invoker.calls.findIndex(({ target }) => target.record.functionName === functionName('quick')), {
      timeout: 20_000,
    })
    .toBeGreaterThan(0)
  const place = invoker.calls.findIndex(({ target }) => target.record.functionName === functionName('quick'))
  expect(place).toBeLessThan(12)
  await queue.drained()
  expect(await queue.ends()).toHaveLength(201)
  expect(invoker.calls).toHaveLength(201)
})

test('the backlog of a quick function is worked off without pauses', async () => {
  const invoker = new TestInvoker()
  await using queue = await startQueue(invoker, new TestCatalogue('quick'), { accountConcurrency: 8, lookAhead: 16 })
  const startedAtMs = systemClock.monotonic()
  await Promise.all(Array.from({ length: 400 }, (_, n) => queue.accept('quick', n)))
  const acceptedMs = systemClock.monotonic() - startedAtMs
  await queue.drained()
  const drainedMs = systemClock.monotonic() - startedAtMs - acceptedMs
  console.log(`400 events accepted in ${acceptedMs.toFixed(0)} ms, drained ${drainedMs.toFixed(0)} ms later`)
  expect(invoker.calls).toHaveLength(400)
})
