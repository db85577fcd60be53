import { isolates } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { PartitionState, Pool, Worker } from './state.ts'

/** Room of a worker that is spoken for by pools earlier in the line, MB. */
export type Claims = ReadonlyMap<Worker, number>

export const freeMb = (worker: Worker): number => {
  const own = worker.memoryMb - worker.promisedMb
  return worker.reportedFreeMb === undefined ? own : Math.min(own, worker.reportedFreeMb - worker.unreportedMb)
}

/** It has the runtime, and the version of it that the function stays with, if it stays with one. */
const hasRuntime = ({ runtimes, runtimeVersions }: Worker, { runtime, runtimeVersion }: SandboxSpec): boolean =>
  runtimes.has(runtime) && (runtimeVersion === '' || runtimeVersions.has(runtimeVersion))

/** It has one of the function's subnets, and all of its security groups. */
const hasNetworks = ({ networks }: Worker, { subnetIds, securityGroupIds }: SandboxSpec): boolean =>
  subnetIds.length === 0 ||
  (subnetIds.some((one) => networks.has(one)) && securityGroupIds.every((one) => networks.has(one)))

/** What is to run, as far as a worker must have something for it. */
export type Wanted = Pick<Pool, 'spec' | 'isolation'>

/** What a worker must have for a pool, and what to say when none has it, with all that comes before. */
const needs: readonly (readonly [
  met: (worker: Worker, wanted: Wanted) => boolean,
  told: (wanted: Wanted) => string | undefined,
])[] = [
  [(worker, { spec }) => hasRuntime(worker, spec), ({ spec }) => `the runtime ${spec.runtimeVersion || spec.runtime}`],
  [
    (worker, { isolation }) => isolates(worker.isolation, isolation),
    ({ isolation }) => (isolation === '' ? undefined : `the isolation ${isolation}`),
  ],
  [
    (worker, { spec }) => hasNetworks(worker, spec),
    ({ spec: { subnetIds, securityGroupIds } }) =>
      subnetIds.length === 0 ? undefined : `the networks ${[...subnetIds, ...securityGroupIds].join(', ')}`,
  ],
  [(worker, { spec }) => worker.memoryMb >= spec.memoryMb, ({ spec }) => `room for ${spec.memoryMb} MB`],
]

/** It could run this, now or once there is room. */
export const offers = (worker: Worker, wanted: Wanted): boolean =>
  worker.connection !== undefined && needs.every(([met]) => met(worker, wanted))

/** Why no worker could ever take it; undefined while that is open, because workers may still be on their way. */
export function whyNever(state: PartitionState, pool: Pool, now: number): string | undefined {
  if (now < state.startedAt + state.timings.rebuildMs) return undefined
  let left = [...state.workerOf.values()]
  if (left.length === 0) return undefined
  const asked: string[] = []
  for (const [met, told] of needs) {
    asked.push(...[told(pool) ?? []].flat())
    left = left.filter((worker) => met(worker, pool))
    if (left.length === 0) return `no worker offers ${asked.join(' and ')}`
  }
  return undefined
}

/** What counts for and against a worker, beside its room, which is between 0 and 1. */
const weights = { codeIsThere: 0.25, sameZone: 0.5, justFailed: 2 }

/**
 * The worker for the next start of a pool; `busy` when those with room have as many starts under way as they take at
 * once, undefined when none has room. Most free memory first, which spreads, or least, which packs; a worker that has had
 * the function, or was told to expect it, counts as a little better, because its code is there, and one in a zone that has much of the function
 * already as worse. Where the function has just failed to start comes last.
 */
export function bestWorker(
  state: PartitionState,
  pool: Pool,
  claims: Claims,
  now: number,
  kind: 'starting' | 'provisioning',
): Worker | 'busy' | undefined {
  let best: Worker | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  let busy = false
  const zones = zoneShares(state, pool)
  for (const worker of state.workerOf.values()) {
    if (worker.draining || now < worker.refusedUntil || !offers(worker, pool)) continue
    const left = freeMb(worker) - (claims.get(worker) ?? 0) - pool.spec.memoryMb
    if (left < 0) continue
    if (worker[kind] >= worker.parallelStarts) {
      busy = true
      continue
    }
    const room = left / worker.memoryMb
    const score =
      (state.config.starts === 'pack' ? -room : room) +
      (hasCode(worker, pool) ? weights.codeIsThere : 0) -
      (zones.get(worker.zone) ?? 0) * weights.sameZone -
      (worker === pool.avoid ? weights.justFailed : 0)
    if (score > bestScore || (score === bestScore && best && worker.id < best.id)) {
      best = worker
      bestScore = score
    }
  }
  return best ?? (busy ? 'busy' : undefined)
}

const hasCode = (worker: Worker, { fn, spec }: Pool): boolean =>
  worker.functions.has(fn) || worker.expects.has(spec.codeDigest)

/** By zone: its share of the function's sandboxes. Empty when all workers are in one. */
function zoneShares(state: PartitionState, { fn }: Pool): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  let sum = 0
  for (const worker of state.workerOf.values()) {
    const own = worker.functions.get(fn) ?? 0
    counts.set(worker.zone, (counts.get(worker.zone) ?? 0) + own)
    sum += own
  }
  if (counts.size < 2 || sum === 0) return none
  for (const [zone, count] of counts) counts.set(zone, count / sum)
  return counts
}

const none: ReadonlyMap<string, number> = new Map()

/**
 * A worker that would have room but for other partitions: only it can judge whether their sandboxes are in use, so it is
 * asked, and makes room or refuses.
 */
export function crowdedWorker(state: PartitionState, pool: Pool, now: number): Worker | undefined {
  for (const worker of state.workerOf.values()) {
    if (worker.draining || now < worker.refusedUntil || !offers(worker, pool)) continue
    if (worker.starting >= worker.parallelStarts) continue
    const crowded = worker.reportedFreeMb !== undefined && worker.reportedFreeMb < worker.memoryMb - worker.promisedMb
    if (crowded && worker.memoryMb - worker.promisedMb >= pool.spec.memoryMb) return worker
  }
  return undefined
}
