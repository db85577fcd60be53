import { freeMb, offers } from './choose-worker.ts'
import { probe, recall } from './leases.ts'
import { isKept } from './provisioned.ts'
import { stopSandbox } from './sandboxes.ts'
import type { Lease, PartitionState, Pool, Sandbox, Worker } from './state.ts'

/**
 * Speaks for room that is being freed, and has idle sandboxes stopped where that is not enough. False when no worker
 * can be emptied far enough.
 */
export function claimRoom(state: PartitionState, pool: Pool, claims: Map<Worker, number>, now: number): boolean {
  const need = pool.spec.memoryMb
  let best: { worker: Worker; victims: Sandbox[] } | undefined
  for (const worker of state.workerOf.values()) {
    if (worker.draining || !offers(worker, pool)) continue
    const victims = victimsOn(worker, pool, need + (claims.get(worker) ?? 0))
    if (victims && (!best || victims.length < best.victims.length)) best = { worker, victims }
  }
  if (!best) return false
  claims.set(best.worker, (claims.get(best.worker) ?? 0) + need)
  for (const sandbox of best.victims) stopSandbox(state, sandbox, 'memory is needed for another function', now)
  return true
}

/** The idle sandboxes, oldest first, that must go for `needMb` to become free; undefined when even all do not suffice. */
function victimsOn(worker: Worker, pool: Pool, needMb: number): Sandbox[] | undefined {
  let room = freeMb(worker)
  const idle: Sandbox[] = []
  for (const sandbox of worker.sandboxes) {
    if (sandbox.state === 'stopping') room += sandbox.memoryMb
    else if (sandbox.state === 'idle' && sandbox.pool !== pool && !isKept(sandbox)) idle.push(sandbox)
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

/**
 * All memory is under lease. First those who hold leases are asked for idle ones; a pool that stays without room takes
 * it from the one that has most of it, as soon as an invocation there ends. Otherwise a function that is never idle
 * would keep all others out.
 */
export function askForRoom(state: PartitionState, pool: Pool, now: number): void {
  const { askForRoomMs, makeWayMs } = state.timings
  if (now < pool.askedForRoomAt + askForRoomMs) return
  pool.askedForRoomAt = now
  const makeWay = now >= pool.starvedAt + makeWayMs
  const asked = makeWay ? leasesOfTheLargest(state, pool) : oldestLeases(state, pool)
  let room = 0
  for (const lease of asked) {
    // Twice the need, when asking: most leases are in use.
    if (room >= pool.spec.memoryMb * (makeWay ? 1 : 2)) break
    room += lease.sandbox.memoryMb
    if (!makeWay) {
      probe(state, lease)
      continue
    }
    // Its own pool would take it back at once.
    lease.sandbox.doomed = true
    recall(state, lease)
  }
}

const mayGo = ({ holder, recall: asked, probing, sandbox }: Lease, pool: Pool): boolean =>
  holder !== undefined &&
  asked === 'none' &&
  !probing &&
  sandbox.pool !== pool &&
  !isKept(sandbox) &&
  offers(sandbox.worker, pool)

function oldestLeases(state: PartitionState, pool: Pool): Lease[] {
  const leases: Lease[] = []
  for (const other of state.pools.values()) for (const lease of other.leases) if (mayGo(lease, pool)) leases.push(lease)
  return leases.sort((a, b) => a.sandbox.since - b.sandbox.since)
}

/** None while some are on their way, or when the pool has as much as any other. */
function leasesOfTheLargest(state: PartitionState, pool: Pool): Lease[] {
  let largest: Pool | undefined
  for (const other of state.pools.values()) {
    if (other === pool) continue
    for (const { sandbox, recall: asked } of other.leases) if (sandbox.doomed && asked !== 'none') return []
    if (heldMb(other) > (largest ? heldMb(largest) : heldMb(pool))) largest = other
  }
  return largest ? [...largest.leases].filter((lease) => mayGo(lease, pool)) : []
}

const heldMb = ({ leases, spec }: Pool): number => leases.size * spec.memoryMb
