import type { SandboxSpec } from '@weft/contracts/sandbox'
import { freeMb, offers } from './choose-worker.ts'
import type { PartitionState, Worker } from './state.ts'

/** As many packages are remembered of a worker; more would be gone from its cache by the time of a call. */
const mostExpected = 1_000

/**
 * Tells the worker to which a first start of the function would go now, so that its code is there when that comes. A hint:
 * nothing is counted by it.
 */
export function expectFunction(state: PartitionState, spec: SandboxSpec): void {
  const worker = likeliest(state, spec)
  if (!worker) return
  const { expects } = worker
  expects.add(spec.codeDigest)
  for (const oldest of expects) {
    if (expects.size <= mostExpected) break
    expects.delete(oldest)
  }
  state.tellWorker(worker, { $case: 'expect', value: { spec } })
}

/** By room alone: of a function that is new nothing else is known. */
function likeliest(state: PartitionState, spec: SandboxSpec): Worker | undefined {
  const wanted = { spec, isolation: state.config.isolationOf?.(spec.accountId, spec.functionName) ?? '' }
  const room = (worker: Worker): number =>
    (freeMb(worker) / worker.memoryMb) * (state.config.starts === 'pack' ? -1 : 1)
  let best: Worker | undefined
  for (const worker of state.workerOf.values()) {
    if (worker.draining || !offers(worker, wanted) || freeMb(worker) < spec.memoryMb) continue
    if (!best || room(worker) > room(best) || (room(worker) === room(best) && worker.id < best.id)) best = worker
  }
  return best
}
