import type { Sample } from './case.ts'
import { quantile } from './statistics.ts'

/**
 * `clients` callers, each calling again as soon as its answer is there, until `count` calls are done. A call that
 * rejects ends the measurement: a benchmark that counts failures as fast answers is worth nothing.
 */
export async function closedLoop(
  clients: number,
  count: number,
  call: (client: number) => Promise<void>,
): Promise<Sample> {
  const takenUs = new Float64Array(count)
  let started = 0
  const caller = async (client: number): Promise<void> => {
    while (started < count) {
      const n = started++
      const atMs = performance.now()
      await call(client)
      takenUs[n] = (performance.now() - atMs) * 1_000
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: clients }, (_, client) => caller(client)))
  const elapsedMs = performance.now() - startedMs
  takenUs.sort()
  return {
    p50Us: quantile(takenUs, 0.5),
    p99Us: quantile(takenUs, 0.99),
    perSecond: (count / elapsedMs) * 1_000,
  }
}

/** The same after a tenth as many calls that are not counted: connections are open and code is compiled then. */
export async function warmClosedLoop(
  clients: number,
  count: number,
  call: (client: number) => Promise<void>,
): Promise<Sample> {
  await closedLoop(clients, Math.max(clients, Math.ceil(count / 10)), call)
  return closedLoop(clients, count, call)
}

/** Latencies of things that are done one after another, in ms. */
export async function oneByOne(count: number, once: (n: number) => Promise<number>): Promise<Sample> {
  const takenMs = new Float64Array(count)
  for (let n = 0; n < count; n++) takenMs[n] = await once(n)
  takenMs.sort()
  return { p50Ms: quantile(takenMs, 0.5), p99Ms: quantile(takenMs, 0.99) }
}
