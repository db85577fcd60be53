import { RunStatus } from '@weft/contracts/worker'
import { expect, test } from 'vitest'
import { createProcessDriver } from './process-driver.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

test('a call whose time is up before the new sandbox is there leaves it to the next one, and nothing behind', async () => {
  const data = testDataDir()
  const driver = createProcessDriver({ dataDir: data.path })
  const create = driver.create.bind(driver)
  const gate = Promise.withResolvers<void>()
  let made = 0
  driver.create = async (request) => {
    made += 1
    // The first is the environment's; those after it with a /tmp are replacements.
    if (request.scratch) await gate.promise
    return create(request)
  }
  {
    await using w = await TestWorker.start(driver, data.path, { stemsPerRuntime: 0 })
    const env = await w.environment(
      { 'index.js': 'exports.handler = async (event) => { if (event.spin) for (;;); return "here" }' },
      { timeoutMs: 1_000 },
    )
    const timedOut = { status: RunStatus.RUN_STATUS_FUNCTION_ERROR, detail: 'Sandbox.Timedout', sandboxLost: false }
    expect(await env.run({ spin: true })).toMatchObject(timedOut)
    expect(await env.run({})).toMatchObject(timedOut)
    const next = env.run({})
    gate.resolve()
    expect((await next).payload.toString()).toBe('"here"')
    expect(made).toBe(2)
  }
  expect(leftovers(data.path)).toEqual([])
  data.remove()
})
