import {
  type AccountId,
  type ClockPosition,
  type EventRule,
  requestIdOfMessage,
  type Schedule,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'
import {
  eventTime,
  type Firing,
  lastDue,
  type MappingLeases,
  nextDue,
  parseTimetable,
  scheduledEvent,
  type Timing,
  type TriggerIndex,
  targetInput,
} from '@weft/delivery'
import { delay } from '@weft/platform'
import type { Store, Stored } from '@weft/registry'
import { SoleLead } from '../sole-lead.ts'
import type { Attempts, AttemptsDeps } from './attempts.ts'
import { type Outgoing, senderOf } from './deliver.ts'

export interface ScheduleClockDeps extends AttemptsDeps {
  readonly triggers: TriggerIndex
  readonly store: Store<TriggerRecord>
  readonly leases: MappingLeases
  readonly attempts: Attempts
  /** Whether an account is there and not disabled; the schedules of others stand still and are not made up for. */
  readonly isOpen: (account: AccountId) => boolean
}

interface Entry {
  readonly record: EventRule | Schedule
  readonly timing: Timing
  /** Undefined: never again. */
  dueMs: number | undefined
}

/** No longer than this without a look, so that the position follows the time, ms. */
const longestSleepMs = 30_000
const retryMs = 1_000

/**
 * The clock of all schedules. One poller at a time runs it, under a lease; how far it has come is kept, so that another goes
 * on from there. What it sends carries an id made of the schedule and its time, so that a firing that two clocks sent,
 * the one dying and the other taking over, is one event.
 */
export class ScheduleClock {
  readonly #deps: ScheduleClockDeps
  readonly #sole: SoleLead
  readonly #entries = new Map<string, Entry>()
  #wake: () => void = () => undefined

  constructor(deps: ScheduleClockDeps) {
    this.#deps = deps
    this.#sole = new SoleLead(deps, 'schedules.clock', 'schedules')
  }

  get problem(): string | undefined {
    return this.#sole.problem
  }

  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#sole.run((lead) => this.#lead(lead), signal)
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { clock, triggers } = this.#deps
    let position = await this.#position()
    const forget = triggers.onChange((key) => {
      if (!this.#entries.has(key) && !triggers.timed().has(key)) return
      // Rules do not tell when they were changed: it was now.
      const isRule = triggers.timed().get(key)?.kind === 'rule'
      this.#enter(key, isRule ? clock.now() : position.value.throughMs)
      this.#wake()
    })
    try {
      this.#entries.clear()
      for (const key of triggers.timed().keys()) this.#enter(key, position.value.throughMs)
      while (!signal.aborted) {
        const now = clock.now()
        const settled = await this.#fire(position.value.throughMs, now, signal)
        // What could not be sent is due again: the position stays before it.
        const throughMs = settled ? now : position.value.throughMs
        if (throughMs > position.value.throughMs) position = await this.#advance(position, throughMs)
        await this.#sleep(settled ? this.#untilNext(clock.now()) : retryMs, signal)
      }
    } finally {
      forget()
    }
  }

  /** Sends everything that has come due; false when some of it has to be tried again. */
  async #fire(afterMs: number, now: number, signal: AbortSignal): Promise<boolean> {
    let all = true
    for (const [key, entry] of [...this.#entries]) {
      if (entry.dueMs === undefined || entry.dueMs > now) continue
      if (signal.aborted) return false
      const open = this.#deps.isOpen(entry.record.accountId)
      const firing = open && lastDue(entry.timing, Math.max(afterMs, entry.dueMs - 1), now)
      if (firing && !(await this.#send(entry.record, firing))) {
        all = false
        continue
      }
      entry.dueMs = nextDue(entry.timing, now)
      if (entry.dueMs === undefined) await this.#complete(key, entry)
    }
    return all
  }

  async #send(record: EventRule | Schedule, firing: Firing): Promise<boolean> {
    const outgoing = record.kind === 'rule' ? this.#ofRule(record, firing) : [this.#ofSchedule(record, firing)]
    const attempts = await Promise.all(outgoing.map((one) => this.#deps.attempts.send(one, firing.dueMs)))
    return attempts.every(({ settled }) => settled)
  }

  #ofRule(rule: EventRule, { scheduledMs }: Firing): Outgoing[] {
    const from = senderOf(this.#deps.region, rule)
    const { arn } = from
    const id = requestIdOfMessage(arn, 'schedule', scheduledMs)
    const event = scheduledEvent(
      'aws.events',
      { id, account: rule.accountId, region: this.#deps.region, arn },
      scheduledMs,
    )
    const context = { ruleArn: arn, ruleName: rule.name, ingestedAtMs: scheduledMs }
    return rule.targets.map((target) => ({
      ...{ from, target, payload: targetInput(target, event, context), messageId: `${id}-${target.id}`, event },
    }))
  }

  #ofSchedule(schedule: Schedule, { scheduledMs }: Firing): Outgoing {
    const { region } = this.#deps
    const from = senderOf(region, schedule)
    const { arn } = from
    const id = requestIdOfMessage(arn, 'schedule', scheduledMs)
    const { target, accountId } = schedule
    const event = {
      ...scheduledEvent('aws.scheduler', { id, account: accountId, region, arn }, scheduledMs),
      detail: '{}',
    }
    const words: Readonly<Record<string, string>> = {
      'schedule-arn': arn,
      'scheduled-time': eventTime(scheduledMs),
      'execution-id': id,
      'attempt-number': '1',
    }
    const input = target.input?.replace(/<aws\.scheduler\.([a-z-]+)>/g, (all, word: string) => words[word] ?? all)
    return { from, target, payload: input ?? JSON.stringify(event), messageId: id }
  }

  /** It will never fire again. */
  async #complete(key: string, { record }: Entry): Promise<void> {
    if (record.kind !== 'schedule' || !record.deleteAfterCompletion) return
    const stored = await this.#deps.store.read(key)
    // Changed meanwhile: it may have times again.
    if (stored?.value.kind === 'schedule' && stored.value.lastModifiedMs === record.lastModifiedMs)
      await this.#deps.store.remove(key, stored.revision)
  }

  #enter(key: string, afterMs: number): void {
    const record = this.#deps.triggers.timed().get(key)
    const timing = record?.enabled ? timingOf(this.#deps.region, record) : undefined
    if (!record || !timing) {
      this.#entries.delete(key)
      return
    }
    // Times before it was made or changed are not made up for.
    const sinceMs = Math.max(afterMs, record.kind === 'schedule' ? record.lastModifiedMs : 0)
    this.#entries.set(key, { record, timing, dueMs: nextDue(timing, sinceMs - 1) })
  }

  #untilNext(now: number): number {
    let soonest = now + longestSleepMs
    for (const { dueMs } of this.#entries.values()) if (dueMs !== undefined && dueMs < soonest) soonest = dueMs
    return Math.max(1, soonest - now)
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await delay(this.#deps.clock, ms, AbortSignal.any([signal, woken.signal]))
  }

  async #position(): Promise<Stored<ClockPosition>> {
    const { store, clock } = this.#deps
    const stored = await store.read(triggerKeys.clock)
    if (stored?.value.kind === 'clock') return { ...stored, value: stored.value }
    const value: ClockPosition = { kind: 'clock', throughMs: clock.now() }
    const made = await store.create(triggerKeys.clock, value)
    if (!made.ok) throw new Error('another clock has begun')
    return { ...made.value, value }
  }

  async #advance(position: Stored<ClockPosition>, throughMs: number): Promise<Stored<ClockPosition>> {
    const value: ClockPosition = { kind: 'clock', throughMs }
    const written = await this.#deps.store.replace(triggerKeys.clock, value, position.revision)
    if (!written.ok) throw new Error('another clock runs')
    return { ...written.value, value }
  }
}

/** Undefined where the expression cannot be read; it was checked before it was kept. */
function timingOf(region: string, record: EventRule | Schedule): Timing | undefined {
  const ofRule = record.kind === 'rule'
  const parsed = parseTimetable(ofRule ? (record.scheduleExpression ?? '') : record.expression, {
    timezone: ofRule ? 'UTC' : record.timezone,
    anchorMs: ofRule ? record.createdAtMs : (record.startMs ?? record.createdAtMs),
    atAnchor: !ofRule,
  })
  if (!parsed.ok) return undefined
  return {
    timetable: parsed.value,
    arn: senderOf(region, record).arn,
    flexibleWindowMs: ofRule ? 0 : record.flexibleWindowMinutes * 60_000,
    ...(!ofRule && { startMs: record.startMs, endMs: record.endMs }),
  }
}
