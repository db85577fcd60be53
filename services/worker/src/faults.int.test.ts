import type { FabricRecord, FactSink } from '@weft/contracts'
import { RunStatus } from '@weft/contracts/worker'
import { createFaults } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import type { SandboxDriver } from '@weft/sandbox'
import { expect, test, vi } from 'vitest'
import { createOciDriver } from './oci/oci-driver.ts'
import { createProcessDriver } from './process-driver.ts'
import { leftovers } from './testing/leftovers.ts'
import { TestWorker, testCredentials, testDataDir } from './testing/test-worker.ts'

vi.setConfig({ testTimeout: 240_000 })

const drivers: readonly [string, (dataDir: string) => SandboxDriver][] = [
  ['oci', (dataDir) => createOciDriver({ dataDir, log })],
  ['process', (dataDir) => createProcessDriver({ dataDir })],
]

test.each(drivers)(
  'a failing store, driver and fact sink end what they touch and nothing else (%s)',
  async (_, make) => {
    const data = testDataDir()
    const faults = createFaults({
      seed: 11,
      rates: { timeout: 0.06, unavailable: 0.06 },
      methods: ['create', 'mountCode', 'limit', 'freeze', 'thaw', 'stats', 'get', 'credentials', 'flush'],
    })
    const driver = make(data.path)
    const create = driver.create.bind(driver)
    driver.create = async (request) => faults.wrap(await create(request))
    const records: FabricRecord[] = []
    const facts: FactSink = {
      record: (one) => void records.push(one),
      log: () => undefined,
      flush: async () => undefined,
    }
    const { credentials } = faults.wrap({ credentials: async () => testCredentials })
    const tally = { ready: 0, failed: 0, succeeded: 0, lost: 0 }
    {
      await using w = await TestWorker.start(
        faults.wrap(driver),
        data.path,
        { stemsPerRuntime: 2, freezeAfterMs: 0 },
        { facts: faults.wrap(facts), credentials },
        (code) => faults.wrap(code),
      )
      const files = (n: number) => ({ 'index.js': `exports.handler = async (event) => ({ n: ${n}, event })` })
      for (let n = 0; n < 40; n++) {
        let env: Awaited<ReturnType<TestWorker['environment']>>
        try {
          env = await w.environment(files(n))
          tally.ready += 1
        } catch {
          tally.failed += 1
          continue
        }
        for (let call = 0; call < 3; call++) {
          const result = await env.run({ call })
          if (result.status === RunStatus.RUN_STATUS_SUCCEEDED) {
            expect(JSON.parse(result.payload.toString())).toEqual({ n, event: { call } })
            tally.succeeded += 1
          } else {
            // What failed around the call is told as such, with the environment given up; never as an answer.
            expect(result.sandboxLost || result.status === RunStatus.RUN_STATUS_NOT_STARTED, result.detail).toBe(true)
            tally.lost += 1
          }
        }
      }
      faults.enabled = false
      const env = await w.environment(files(99))
      expect(await env.call('well')).toEqual({ n: 99, event: 'well' })
    }
    expect(tally.succeeded).toBeGreaterThan(10)
    expect(tally.failed).toBeGreaterThan(3)
    expect(faults.injected.length).toBeGreaterThan(10)
    expect(leftovers(data.path)).toEqual([])
    data.remove()
  },
)
