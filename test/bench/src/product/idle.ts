import { setTimeout as wait } from 'node:timers/promises'
import type { Bed } from '../core/case.ts'
import { usageOf } from '../core/process-usage.ts'

/** What the case before leaves behind (idle sandboxes to freeze, batches to send) settles first. */
const settleMs = 3_000
const watchMs = 5_000

/** The fabric's own process with nothing to do; nats-server and sandboxes are other processes. */
export const idleBed = (pid: number): Bed => ({
  cases: [
    {
      id: 'product.idle',
      title: 'Weft, idle',
      group: 'product',
      measure: async () => {
        await wait(settleMs)
        const before = usageOf(pid)
        await wait(watchMs)
        const after = usageOf(pid)
        return { rssMib: after.rssMib, cpuPercent: ((after.cpuMs - before.cpuMs) / watchMs) * 100 }
      },
    },
  ],
  async [Symbol.asyncDispose]() {},
})
