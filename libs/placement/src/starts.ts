import { DenialReason } from '@weft/contracts/placement'
import { bestWorker, crowdedWorker, offers, whyNever } from './choose-worker.ts'
import { deny, grant } from './leases.ts'
import { askForRoom, claimRoom } from './make-room.ts'
import { provisionFailed, provisionsWanted, settleProvisioned } from './provisioned.ts'
import { addSandbox, stopSandbox } from './sandboxes.ts'
import type { PartitionState, Pool, Sandbox, Worker } from './state.ts'

/** Starved pools looked at after one event; the rest waits for the next. */
const starvedPerEvent = 64

/** Serves the waiters of a pool from what is idle and notes how many sandboxes are still wanted. */
export function settlePool(state: PartitionState, pool: Pool, now: number): void {
  while (pool.idle.length > 0 && pool.waiters.size > 0) {
    const [waiter] = pool.waiters
    const sandbox = nextIdle(pool)
    if (!waiter || !sandbox) break
    grant(state, waiter, sandbox, now)
  }
  if (pool.retired)
    for (const sandbox of [...pool.idle]) stopSandbox(state, sandbox, 'replaced by a newer revision', now)
  if (!state.rebuilding) settleProvisioned(state, pool, now)
  if (wanted(pool) + provisionsWanted(pool, now) > 0) {
    if (!state.starved.has(pool)) pool.starvedAt = now
    state.starved.add(pool)
    return
  }
  state.starved.delete(pool)
  const unused =
    pool.waiters.size +
      pool.idle.length +
      pool.starting.size +
      pool.leases.size +
      pool.fn.blocked.size +
      pool.target ===
    0
  if (unused && now >= pool.backoffUntil) state.forgetPool(pool)
}

/**
 * Starts what pools want, one each in turn, oldest want first, as far as there is room and workers take starts; where
 * there is no room, has it made and lets the pool wait. Late binding: the waiter takes whatever is free first.
 */
export function settleStarts(state: PartitionState, now: number): void {
  const claims = new Map<Worker, number>()
  const line = [...state.starved].slice(0, starvedPerEvent).filter((pool) => mayStart(state, pool, now))
  for (let turn = line; turn.length > 0; ) turn = turn.filter((pool) => startOne(state, pool, claims, now))
}

/** What can never run is told so; what waits for an answer, or after a failure, is left for later. */
function mayStart(state: PartitionState, pool: Pool, now: number): boolean {
  if ((pool.probing > 0 && now < pool.probeUntil) || now < pool.backoffUntil) return false
  const hopeless = whyNever(state, pool, now)
  if (!hopeless) return true
  for (const waiter of [...pool.waiters]) deny(state, waiter, DenialReason.DENIAL_REASON_NOT_OFFERED, hopeless)
  if (provisionsWanted(pool, now) > 0) provisionFailed(state, pool, 'never', now)
  return true
}

/** Calls go before what is to be ready for later ones. Whether the pool should have another turn. */
function startOne(state: PartitionState, pool: Pool, claims: Map<Worker, number>, now: number): boolean {
  const forCalls = wanted(pool) > 0
  if (!forCalls && provisionsWanted(pool, now) === 0) {
    state.starved.delete(pool)
    state.dirtyPools.add(pool)
    return false
  }
  const worker = bestWorker(state, pool, claims, now, forCalls ? 'starting' : 'provisioning')
  if (worker === 'busy') return false
  if (!worker) {
    // A version with SnapStart that calls do without takes no room from others.
    if (forCalls || !pool.spec.snapStart || pool.urgent) waitForRoom(state, pool, claims, now)
    return false
  }
  if (!forCalls || pool.fn.account.ledger.admitEnvironment(pool.fn.name, now)) {
    start(state, pool, worker, now, !forCalls)
    // Its next want comes after those of the others.
    state.starved.delete(pool)
    state.starved.add(pool)
    pool.starvedAt = now
    return true
  }
  const newest = [...pool.waiters].at(-1)
  if (newest) deny(state, newest, DenialReason.DENIAL_REASON_SCALING_RATE, 'too many new environments', 1)
  return true
}

function waitForRoom(state: PartitionState, pool: Pool, claims: Map<Worker, number>, now: number): void {
  const forCalls = wanted(pool)
  for (let left = forCalls > 0 ? forCalls : provisionsWanted(pool, now); left > 0; left--) {
    if (claimRoom(state, pool, claims, now)) continue
    const crowded = crowdedWorker(state, pool, now)
    if (!crowded) {
      askForRoom(state, pool, now)
      return
    }
    start(state, pool, crowded, now, forCalls === 0)
  }
}

/** A start that failed: another worker may try at once; after that the waiters learn of it one by one. */
export function startFailed(state: PartitionState, pool: Pool, worker: Worker, reason: string, now: number): void {
  pool.failures += 1
  state.dirtyPools.add(pool)
  const { first, most } = state.timings.startBackoffMs
  const elsewhere = [...state.workers.values()].some((w) => w !== worker && offers(w, pool))
  pool.avoid = worker
  if (pool.failures === 1 && elsewhere) return
  pool.backoffUntil = now + Math.min(most, first * 2 ** Math.min(20, pool.failures - 1))
  const [oldest] = pool.waiters
  if (oldest) deny(state, oldest, DenialReason.DENIAL_REASON_START_FAILED, reason)
}

/** Starts that calls want. Those that initialise ahead of calls may take minutes and are not waited for. */
function wanted(pool: Pool): number {
  let starting = pool.starting.size
  if (pool.target > 0) for (const sandbox of pool.starting) if (sandbox.provisioned) starting -= 1
  return Math.max(0, pool.waiters.size - starting - pool.idle.length)
}

/**
 * What is initialised goes before what is not, and what was used last before the rest. What waits for SnapStart has yet to
 * be restored, so it comes last.
 */
const nextIdle = ({ idle, target, spec }: Pool): Sandbox | undefined =>
  (target > 0 ? idle.findLast(({ provisioned }) => provisioned !== spec.snapStart) : undefined) ?? idle.at(-1)

export function start(state: PartitionState, pool: Pool, worker: Worker, now: number, provisioned: boolean): void {
  const sandbox = addSandbox(state, state.config.newSandboxId(), pool.spec, worker, 'starting', now, provisioned)
  sandbox.unreported = true
  worker.unreportedMb += sandbox.memoryMb
  // The worker sees for itself that it may.
  const asked = pool.isolation === pool.spec.isolation ? pool.spec : { ...pool.spec, isolation: pool.isolation }
  state.tellWorker(worker, {
    $case: 'start',
    value: { epoch: BigInt(state.config.epoch), sandboxId: sandbox.id, spec: asked, provisioned },
  })
}
