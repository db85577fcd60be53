import { afterAll, beforeAll, expect, test } from 'vitest'
import { createProcessDriver } from './process-driver.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

const code = { 'index.mjs': 'export const handler = async (event) => event' }
let data: ReturnType<typeof testDataDir>
let w: TestWorker

beforeAll(async () => {
  data = testDataDir()
  w = await TestWorker.start(createProcessDriver({ dataDir: data.path }), data.path, { lifetimeMs: 1 })
})
afterAll(async () => {
  await w[Symbol.asyncDispose]()
  expect(leftovers(data.path)).toEqual([])
  data.remove()
})

const endOf = async (sandboxId: string): Promise<unknown> => (await w.gone(sandboxId)).value

test('an environment that has lived long enough ends, also one that is kept provisioned: placement makes another', async () => {
  const { sandboxId } = await w.environment(code, {}, true)
  expect(await endOf(sandboxId)).toMatchObject({ reason: 'it has lived long enough' })
})

test('what waits for SnapStart goes on, as its credentials are fetched when it is restored, and ends after its call', async () => {
  const env = await w.environment(code, { version: '1', snapStart: true }, true)
  // The one that is looked at after it is gone.
  await endOf((await w.environment(code, {}, true)).sandboxId)
  expect(await env.call({ a: 1 })).toEqual({ a: 1 })
  expect(await endOf(env.sandboxId)).toMatchObject({ reason: 'it has lived long enough' })
})
