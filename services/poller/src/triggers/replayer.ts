import { isOpenReplay, type Replay, type TriggerRecord } from '@weft/contracts'
import type { ArchiveStore, BusBacklog, BusPublisher, KeptEvent, MappingLeases, TriggerIndex } from '@weft/delivery'
import { type Clock, delay, type Logger } from '@weft/platform'
import type { Store, Stored } from '@weft/registry'
import { SoleLead } from '../sole-lead.ts'

export interface ReplayerDeps {
  readonly triggers: TriggerIndex
  readonly store: Store<TriggerRecord>
  readonly leases: MappingLeases
  readonly archives: ArchiveStore
  readonly buses: BusPublisher & BusBacklog
  readonly clock: Clock
  readonly log: Logger
}

/** Events that are put onto a bus at the same time; how far a replay has come is written down after each such lot. */
const lotSize = 64
/** A bus with so many events that wait takes none of a replay: the room is for those who put events now. */
const mostWaiting = 5_000
const retryMs = 1_000
const dayMs = 86_400_000
/** How often what archives need not keep any longer is removed, ms. */
const tidyEveryMs = 3_600_000

/**
 * Runs replays and keeps archives to their retention. One poller at a time does, under a lease. How far each replay has
 * come is kept in its record, so that another poller goes on from there; what the one dying had put already is put once
 * more, under the id that it had then, and so is recognised for two minutes.
 */
export class Replayer {
  readonly #deps: ReplayerDeps
  readonly #sole: SoleLead
  readonly #running = new Map<string, Promise<void>>()

  constructor(deps: ReplayerDeps) {
    this.#deps = deps
    this.#sole = new SoleLead(deps, 'archives.replays', 'replays')
  }

  get problem(): string | undefined {
    return this.#sole.problem
  }

  /** Until the signal aborts; resolves when what runs has stopped. */
  run(signal: AbortSignal): Promise<void> {
    return this.#sole.run((lead) => this.#lead(lead), signal)
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { clock, triggers } = this.#deps
    let wake = (): void => undefined
    const forget = triggers.onChange(() => wake())
    let tidyAtMs = clock.monotonic()
    try {
      while (!signal.aborted) {
        for (const key of triggers.replays().keys()) this.#begin(key, signal)
        if (clock.monotonic() >= tidyAtMs) {
          await this.#tidy(signal)
          tidyAtMs = clock.monotonic() + tidyEveryMs
        }
        const woken = new AbortController()
        wake = () => woken.abort()
        await delay(clock, Math.max(1, tidyAtMs - clock.monotonic()), AbortSignal.any([signal, woken.signal]))
      }
    } finally {
      forget()
      await Promise.all(this.#running.values())
    }
  }

  #begin(key: string, signal: AbortSignal): void {
    if (this.#running.has(key)) return
    const done = this.#persist(key, signal).finally(() => this.#running.delete(key))
    this.#running.set(key, done)
  }

  /** A replay to its end, however often the store is away meanwhile. */
  async #persist(key: string, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    while (!signal.aborted) {
      try {
        return await this.#replay(key, signal)
      } catch (error) {
        log.warn({ err: error, replay: key }, 'a replay is interrupted')
        await delay(clock, retryMs, signal)
      }
    }
  }

  async #replay(key: string, signal: AbortSignal): Promise<void> {
    const { archives, triggers, log } = this.#deps
    let current = await this.#read(key)
    if (!current || !isOpenReplay(current.value)) return
    const { accountId, archiveName, fromMs, toMs } = current.value
    if (current.value.state === 'STARTING') {
      const progress = { doneThrough: 0, endsAt: await archives.lastSequence() }
      current = await this.#write(key, current, { state: 'RUNNING', progress })
      log.info({ replay: key }, 'a replay begins')
    }
    const { doneThrough, endsAt } = current.value.progress ?? { doneThrough: 0, endsAt: 0 }
    const from = doneThrough === 0 ? { arrivedMs: fromMs } : { after: doneThrough }
    let lot: KeptEvent[] = []
    let seen = doneThrough
    const flush = async (): Promise<boolean> => {
      if (!current || current.value.state === 'CANCELLING') return false
      if (!(await this.#put(current.value, lot, signal))) return false
      const last = lot.at(-1)
      lot = []
      current = await this.#write(key, current, {
        progress: { doneThrough: seen, endsAt },
        ...(last && { lastReplayedMs: last.arrivedAtMs }),
      })
      return current.value.state !== 'CANCELLING'
    }
    let whole = current.value.state !== 'CANCELLING'
    if (whole && doneThrough < endsAt)
      for await (const kept of archives.read(accountId, archiveName, from)) {
        if (kept.sequence > endsAt) break
        if (kept.arrivedAtMs >= fromMs && kept.arrivedAtMs <= toMs) lot.push(kept)
        seen = kept.sequence
        if (lot.length < lotSize) continue
        whole = await flush()
        if (!whole) break
      }
    if (whole && lot.length > 0) whole = await flush()
    if (signal.aborted) return
    const endedAtMs = this.#deps.clock.now()
    const gone = !triggers.archive(accountId, archiveName)
    const state = !whole ? 'CANCELLED' : gone ? 'FAILED' : 'COMPLETED'
    const stateReason = state === 'FAILED' ? { stateReason: `Archive ${archiveName} does not exist.` } : {}
    await this.#write(key, current, { state, endedAtMs, ...stateReason })
    log.info({ replay: key, state }, 'a replay has ended')
  }

  /** False when it was stopped on the way. */
  async #put(replay: Replay, lot: readonly KeptEvent[], signal: AbortSignal): Promise<boolean> {
    const { buses, clock } = this.#deps
    const { accountId, busName, name, ruleNames, startedAtMs } = replay
    let left = lot
    while (!signal.aborted) {
      if ((await buses.waiting(accountId, busName)) < mostWaiting) {
        const put = await Promise.all(
          left.map(async (kept) => {
            const messageId = `replay-${name}-${startedAtMs}-${kept.sequence}`
            const event = { ...kept.event, 'replay-name': name }
            return { kept, ...(await buses.put(accountId, busName, event, { replay: { messageId, ruleNames } })) }
          }),
        )
        left = put.filter(({ ok }) => !ok).map(({ kept }) => kept)
        if (left.length === 0) return true
      }
      await delay(clock, retryMs, signal)
    }
    return false
  }

  async #tidy(signal: AbortSignal): Promise<void> {
    const { archives, triggers, clock } = this.#deps
    for (const { accountId, name, retentionDays } of triggers.everyArchive()) {
      if (signal.aborted) return
      if (retentionDays > 0) await archives.drop(accountId, name, clock.now() - retentionDays * dayMs)
    }
  }

  async #read(key: string): Promise<Stored<Replay> | undefined> {
    const stored = await this.#deps.store.read(key)
    return stored?.value.kind === 'replay' ? { ...stored, value: stored.value } : undefined
  }

  /** Writes what has changed; the wish of its owner that it be cancelled, which alone may come between, is kept. */
  async #write(key: string, before: Stored<Replay>, change: Partial<Replay>): Promise<Stored<Replay>> {
    const value: Replay = { ...before.value, ...change }
    const written = await this.#deps.store.replace(key, value, before.revision)
    if (written.ok) return { ...written.value, value }
    const now = await this.#read(key)
    if (now?.value.state !== 'CANCELLING') throw new Error('another replayer runs')
    const isFinal = change.state === 'CANCELLED' || change.state === 'COMPLETED' || change.state === 'FAILED'
    const { state: _, ...rest } = change
    return this.#write(key, now, isFinal ? { ...change, state: 'CANCELLED' } : rest)
  }
}
