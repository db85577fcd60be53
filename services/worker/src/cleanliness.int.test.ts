import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { RunStatus } from '@weft/contracts/worker'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DriverUnderTest, drivers } from './testing/drivers.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testDataDir } from './testing/test-worker.ts'

/** WEFT_CLEANLINESS=full runs as many as a worker sees in weeks; it takes an hour. */
const counts =
  process.env.WEFT_CLEANLINESS === 'full'
    ? { invocations: 10_000, crashes: 500, kills: 50 }
    : { invocations: 300, crashes: 30, kills: 5 }
const workerProcess = fileURLToPath(new URL('./testing/worker-process.ts', import.meta.url))
const { RUN_STATUS_FUNCTION_ERROR } = RunStatus

describe.each(drivers)('over the $name driver nothing is left after', ({ name, prepare }) => {
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  beforeAll(async () => {
    data = testDataDir()
    host = await prepare()
  })
  afterAll(async () => {
    data.remove()
    await host[Symbol.asyncDispose]()
  })

  test(`${counts.invocations} invocations and ${counts.crashes} crashes`, async () => {
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    const before = descriptors()
    const w = await TestWorker.start(host.create(data.path), data.path)
    const code = {
      'index.js': `
        const { spawn } = require('node:child_process')
        exports.handler = async (event) => {
          if (event.child) spawn('/bin/sleep', ['3600'], { detached: true, stdio: 'ignore' }).unref()
          if (event.crash) process.exit(1)
          return 'x'.repeat(1000)
        }`,
    }
    const environments = 10
    const each = Math.ceil(counts.invocations / environments)
    const crashEvery = Math.floor(counts.invocations / counts.crashes)
    let crashed = 0
    for (let count = 0; count < environments; count++) {
      const env = await w.environment(code)
      for (let run = 0; run < each; run++) {
        const crash = run % crashEvery === crashEvery - 1
        const { status } = await env.run({ crash, child: run % 20 === 0 })
        expect(status === RUN_STATUS_FUNCTION_ERROR).toBe(crash)
        if (crash) crashed += 1
      }
      // Some go before the worker does.
      if (count % 2 === 0) {
        w.send({ $case: 'stop', value: { epoch: 1n, sandboxId: env.sandboxId, reason: 'enough' } })
        await w.gone(env.sandboxId)
      }
    }
    expect(crashed).toBeGreaterThanOrEqual(counts.crashes)
    await w[Symbol.asyncDispose]()
    expect(leftovers(data.path)).toEqual([])
    // The runtime keeps a few for itself once it has used child processes and timers.
    expect(descriptors() - before).toBeLessThan(10)
  })

  test(`${counts.kills} kills of the worker in mid work`, async () => {
    for (let kill = 0; kill <= counts.kills; kill++) {
      const worker = spawn(process.execPath, [workerProcess, name, data.path, host.socketPath ?? ''], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(worker, 'exit')
      const lines = createInterface(worker.stdout)
      let seen = 0
      for await (const _line of lines) {
        seen += 1
        // At another moment of its work each time.
        if (seen === 3 + 4 * (kill % 5)) worker.kill(kill < counts.kills ? 'SIGKILL' : 'SIGTERM')
      }
      const [code, signal] = await ended
      expect([code, signal]).toEqual(kill < counts.kills ? [null, 'SIGKILL'] : [0, null])
    }
    expect(leftovers(data.path)).toEqual([])
  })
})
