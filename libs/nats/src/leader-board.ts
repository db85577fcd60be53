import { buckets, err, type Leader, ok, type Result } from '@weft/contracts'
import type { LeaderBoard } from '@weft/placement'
import { type Clock, type Logger, systemClock, type Timer } from '@weft/platform'
import { watchBucket } from './buckets/bucket-watch.ts'
import { neverWritten, readEntry, writeEntry } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'

export interface LeaderBoardOptions {
  readonly log: Logger
  readonly clock?: Clock
  /**
   * How long a leader may be silent, ms; 4,000 by default, so that a call that needs a new leader waits less than 5 s.
   * Renew at a third of it. Every process must use the same.
   */
  readonly ttlMs?: number
}

export interface NatsLeaderBoard extends LeaderBoard, AsyncDisposable {
  /** Resolves when the board has been read once. */
  readonly whenReady: Promise<void>
  problems(): readonly string[]
}

interface Seen {
  readonly leader: Leader
  readonly revision: number
  /** This process's monotonic time when the entry last changed. */
  readonly changedAtMs: number
}

/** Nobody leads; the entry stays for its epoch and its workers. */
const nobody = ''
const keyOf = (partition: number): string => `placement.${partition}`

/**
 * The leader board in the bucket `weft-leaders`. An entry is never removed, so epochs only grow, restarts of everything
 * included.
 */
export function openLeaderBoard(link: NatsLink, options: LeaderBoardOptions): NatsLeaderBoard {
  const clock = options.clock ?? systemClock
  const ttlMs = options.ttlMs ?? 4_000
  const seen = new Map<number, Seen>()
  const expiries = new Map<number, Timer>()
  const listeners = new Set<(partition: number, leader: Leader | undefined) => void>()

  const current = (partition: number): Leader | undefined => {
    const entry = seen.get(partition)
    if (!entry || entry.leader.instanceId === nobody) return undefined
    return clock.monotonic() - entry.changedAtMs < ttlMs ? entry.leader : undefined
  }
  const tell = (partition: number): void => {
    for (const listener of [...listeners]) listener(partition, current(partition))
  }
  const awaitExpiry = (partition: number): void => {
    const leftMs = (seen.get(partition)?.changedAtMs ?? 0) + ttlMs - clock.monotonic()
    const timer = clock.schedule(Math.max(1, leftMs), () => {
      // A timer may fire a fraction of a millisecond early. Told then, everybody would find the leader alive and wait
      // for the next change, which never comes.
      if (current(partition)) awaitExpiry(partition)
      else tell(partition)
    })
    expiries.set(partition, timer)
  }
  const watch = watchBucket({
    link,
    clock,
    log: options.log,
    bucket: buckets.leaders,
    onEntry(key, value, revision) {
      const partition = Number(/^placement\.(\d+)$/.exec(key)?.[1] ?? Number.NaN)
      if (Number.isNaN(partition)) return
      const before = current(partition)
      if (!value) seen.delete(partition)
      else seen.set(partition, { leader: decode(value), revision, changedAtMs: clock.monotonic() })
      expiries.get(partition)?.cancel()
      if (current(partition)) awaitExpiry(partition)
      const after = current(partition)
      // A renewal alone is no change of the leader.
      if (before?.instanceId !== after?.instanceId || before?.epoch !== after?.epoch) tell(partition)
    },
  })

  const write = async (partition: number, leader: Leader, expected: number): Promise<Result<Leader, 'conflict'>> => {
    const bytes = encode(leader)
    const written = await writeEntry(link, clock, buckets.leaders, keyOf(partition), bytes, expected)
    if (!written.ok) return written
    watch.apply(keyOf(partition), bytes, written.value)
    return ok(leader)
  }
  /** The revision of the caller's own entry, when it still stands. */
  const ownRevision = async (partition: number, leader: Leader): Promise<number | undefined> => {
    const known = seen.get(partition)
    if (known && isOf(known.leader, leader)) return known.revision
    const entry = await readEntry(link, buckets.leaders, keyOf(partition))
    return entry?.value && isOf(decode(entry.value), leader) ? entry.revision : undefined
  }
  const rewrite = async (partition: number, leader: Leader, next: Leader): Promise<Result<Leader, 'lost'>> => {
    const revision = await ownRevision(partition, leader)
    if (revision === undefined) return err('lost')
    const written = await write(partition, next, revision)
    return written.ok ? written : err('lost')
  }
  return {
    ttlMs,
    whenReady: watch.whenReady,
    problems: () => watch.problems(),
    leader: current,
    onLeader(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async claim(partition, self) {
      await watch.whenReady
      if (current(partition)) return err('held')
      const known = seen.get(partition)
      const claimed = await write(
        partition,
        {
          instanceId: self.instanceId,
          address: self.address,
          epoch: (known?.leader.epoch ?? 0) + 1,
          renewedAtMs: clock.now(),
          workers: known?.leader.workers ?? [],
        },
        known?.revision ?? neverWritten,
      )
      return claimed.ok ? claimed : err('held')
    },
    renew: (partition, leader) => rewrite(partition, leader, { ...leader, renewedAtMs: clock.now() }),
    async resign(partition, leader) {
      // Lost already: nothing is left to give up.
      await rewrite(partition, leader, { ...leader, instanceId: nobody, address: '', renewedAtMs: clock.now() })
    },
    async [Symbol.asyncDispose]() {
      for (const timer of expiries.values()) timer.cancel()
      await watch[Symbol.asyncDispose]()
    },
  }
}

/**
 * Frees every partition, so that a new leader need not wait for the old one's time to pass. Only for a caller who knows
 * that no placement is alive, such as a fabric in one process that has just locked its data directory.
 */
export async function vacateLeaderBoard(link: NatsLink, partitions: number, clock: Clock = systemClock): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const entry = await readEntry(link, buckets.leaders, keyOf(partition))
    if (!entry?.value) continue
    const vacant = { ...decode(entry.value), instanceId: nobody, address: '', renewedAtMs: clock.now() }
    await writeEntry(link, clock, buckets.leaders, keyOf(partition), encode(vacant), entry.revision)
  }
}

const isOf = (entry: Leader, leader: Leader): boolean =>
  entry.instanceId === leader.instanceId && entry.epoch === leader.epoch
const encode = (leader: Leader): Uint8Array => new TextEncoder().encode(JSON.stringify(leader))
const decode = (bytes: Uint8Array): Leader => JSON.parse(new TextDecoder().decode(bytes)) as Leader
