import { DenialReason } from '@weft/contracts/placement'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { deny, grant } from './leases.ts'
import { addSandbox, stopSandbox } from './sandboxes.ts'
import type { PartitionState, Pool, Sandbox, Worker } from './state.ts'

/** Starved pools looked at after one event; the rest waits for the next. */
const starvedPerEvent = 64

/** Serves the waiters of a pool from what is idle and notes how many sandboxes are still wanted. */
export function settlePool(state: PartitionState, pool: Pool, now: number): void {
  while (pool.idle.length > 0 && pool.waiters.size > 0) {
    const [waiter] = pool.waiters
    const sandbox = pool.idle.at(-1)
    if (!waiter || !sandbox) break
    grant(state, waiter, sandbox, now)
  }
  if (pool.retired)
    for (const sandbox of [...pool.idle]) stopSandbox(state, sandbox, 'replaced by a newer revision', now)
  if (wanted(pool) > 0) {
    state.starved.add(pool)
    return
  }
  state.starved.delete(pool)
  const unused =
    pool.waiters.size + pool.idle.length + pool.starting.size + pool.leases.size + pool.fn.blocked.size === 0
  if (unused && now >= pool.backoffUntil) state.forgetPool(pool)
}

/**
 * Starts what pools want, oldest want first, as far as there is room; where there is none, asks for the oldest idle
 * sandboxes of others to be stopped and lets the pool wait. Late binding: the waiter takes whatever is free first.
 */
export function settleStarts(state: PartitionState, now: number): void {
  /** Room that is spoken for by pools earlier in the line, MB by worker. */
  const claims = new Map<Worker, number>()
  let left = starvedPerEvent
  for (const pool of state.starved) {
    if (left-- === 0) break
    if (pool.probing > 0 && now < pool.probeUntil) continue
    if (now < pool.backoffUntil) continue
    const hopeless = whyNever(state, pool.spec, now)
    if (hopeless) {
      for (const waiter of [...pool.waiters]) deny(state, waiter, DenialReason.DENIAL_REASON_NO_CAPACITY, hopeless)
    }
    while (wanted(pool) > 0) {
      const worker = bestWorker(state, pool, claims, now)
      if (!worker) {
        claimRoom(state, pool, claims, now)
        break
      }
      if (pool.fn.account.ledger.admitEnvironment(pool.fn.name, now)) start(state, pool, worker, now)
      else {
        const newest = [...pool.waiters].at(-1)
        if (newest) deny(state, newest, DenialReason.DENIAL_REASON_SCALING_RATE, 'too many new environments', 1)
      }
    }
    if (wanted(pool) <= 0) {
      state.starved.delete(pool)
      state.dirtyPools.add(pool)
    }
  }
}

/** A start that failed: another worker may try at once; after that the waiters learn of it one by one. */
export function startFailed(state: PartitionState, pool: Pool, worker: Worker, reason: string, now: number): void {
  pool.failures += 1
  state.dirtyPools.add(pool)
  const { first, most } = state.timings.startBackoffMs
  const elsewhere = [...state.workers.values()].some((w) => w !== worker && offers(w, pool.spec))
  pool.avoid = worker
  if (pool.failures === 1 && elsewhere) return
  pool.backoffUntil = now + Math.min(most, first * 2 ** Math.min(20, pool.failures - 1))
  const [oldest] = pool.waiters
  if (oldest) deny(state, oldest, DenialReason.DENIAL_REASON_START_FAILED, reason)
}

const freeMb = (worker: Worker): number => {
  const own = worker.memoryMb - worker.promisedMb
  return worker.reportedFreeMb === undefined ? own : Math.min(own, worker.reportedFreeMb - worker.unreportedMb)
}

const wanted = (pool: Pool): number => pool.waiters.size - pool.starting.size - pool.idle.length

const offers = (worker: Worker, spec: SandboxSpec): boolean =>
  worker.connection !== undefined && worker.runtimes.has(spec.runtime) && worker.memoryMb >= spec.memoryMb

/** Why no worker could ever take it; undefined while that is open, because workers may still be on their way. */
function whyNever(state: PartitionState, spec: SandboxSpec, now: number): string | undefined {
  if (now < state.startedAt + state.timings.rebuildMs || state.workerOf.size === 0) return undefined
  const connected = [...state.workerOf.values()]
  if (connected.some((worker) => offers(worker, spec))) return undefined
  return connected.some((worker) => worker.runtimes.has(spec.runtime))
    ? `no worker is large enough for ${spec.memoryMb} MB`
    : `no worker offers the runtime ${spec.runtime}`
}

/**
 * Most free memory first, which spreads; a worker that has had the function counts as having a quarter more, because its
 * code is there. Where the function has just failed to start comes last.
 */
function bestWorker(
  state: PartitionState,
  pool: Pool,
  claims: ReadonlyMap<Worker, number>,
  now: number,
): Worker | undefined {
  let best: Worker | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  for (const worker of state.workerOf.values()) {
    if (worker.draining || now < worker.refusedUntil || !offers(worker, pool.spec)) continue
    const left = freeMb(worker) - (claims.get(worker) ?? 0) - pool.spec.memoryMb
    if (left < 0) continue
    const score = left / worker.memoryMb + (worker.functions.has(pool.fn) ? 0.25 : 0) - (worker === pool.avoid ? 2 : 0)
    if (score > bestScore || (score === bestScore && best && worker.id < best.id)) {
      best = worker
      bestScore = score
    }
  }
  return best
}

function start(state: PartitionState, pool: Pool, worker: Worker, now: number): void {
  const sandbox = addSandbox(state, state.config.newSandboxId(), pool.spec, worker, 'starting', now)
  sandbox.unreported = true
  worker.unreportedMb += sandbox.memoryMb
  state.tellWorker(worker, {
    $case: 'start',
    value: { epoch: BigInt(state.config.epoch), sandboxId: sandbox.id, spec: pool.spec },
  })
}

/** Speaks for room that is being freed, and has more freed where that is not enough. */
function claimRoom(state: PartitionState, pool: Pool, claims: Map<Worker, number>, now: number): void {
  for (let left = wanted(pool); left > 0; left--) {
    const need = pool.spec.memoryMb
    let best: { worker: Worker; victims: Sandbox[] } | undefined
    for (const worker of state.workerOf.values()) {
      if (worker.draining || !offers(worker, pool.spec)) continue
      const victims = victimsOn(worker, pool, need + (claims.get(worker) ?? 0))
      if (victims && (!best || victims.length < best.victims.length)) best = { worker, victims }
    }
    if (!best) {
      const worker = crowdedWorker(state, pool, now)
      if (!worker) return
      start(state, pool, worker, now)
      continue
    }
    claims.set(best.worker, (claims.get(best.worker) ?? 0) + need)
    for (const sandbox of best.victims) stopSandbox(state, sandbox, 'memory is needed for another function', now)
  }
}

/**
 * A worker that would have room but for other partitions: only it can judge whether their sandboxes are in use, so it is
 * asked, and makes room or refuses.
 */
function crowdedWorker(state: PartitionState, pool: Pool, now: number): Worker | undefined {
  for (const worker of state.workerOf.values()) {
    if (worker.draining || now < worker.refusedUntil || !offers(worker, pool.spec)) continue
    const crowded = worker.reportedFreeMb !== undefined && worker.reportedFreeMb < worker.memoryMb - worker.promisedMb
    if (crowded && worker.memoryMb - worker.promisedMb >= pool.spec.memoryMb) return worker
  }
  return undefined
}

/** The idle sandboxes, oldest first, that must go for `needMb` to become free; undefined when even all do not suffice. */
function victimsOn(worker: Worker, pool: Pool, needMb: number): Sandbox[] | undefined {
  let room = freeMb(worker)
  const idle: Sandbox[] = []
  for (const sandbox of worker.sandboxes) {
    if (sandbox.state === 'stopping') room += sandbox.memoryMb
    else if (sandbox.state === 'idle' && sandbox.pool !== pool) idle.push(sandbox)
  }
  idle.sort((a, b) => a.since - b.since)
  const victims: Sandbox[] = []
  for (const sandbox of idle) {
    if (room >= needMb) break
    victims.push(sandbox)
    room += sandbox.memoryMb
  }
  return room >= needMb ? victims : undefined
}
