import {
  type AccountId,
  type Archive,
  type ClockPosition,
  type EventRule,
  isOpenReplay,
  type LogFilters,
  type Replay,
  type Schedule,
  type Topic,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'

/** Rules and archives by their bus, topics, filters on logs, and everything that a clock sets off; fed with the records of the bucket of triggers. */
export class TriggerIndex {
  readonly #records = new Map<string, TriggerRecord>()
  readonly #rules = new Map<string, Map<string, EventRule>>()
  readonly #archives = new Map<string, Map<string, Archive>>()
  readonly #replays = new Map<string, Replay>()
  readonly #logFilters = new Map<string, LogFilters>()
  readonly #timed = new Map<string, EventRule | Schedule>()
  readonly #listeners = new Set<(key: string) => void>()

  put(key: string, record: TriggerRecord | undefined): void {
    const before = this.#records.get(key)
    if (before?.kind === 'rule') this.#rules.get(busOf(before))?.delete(key)
    if (before?.kind === 'archive') this.#archives.get(busOf(before))?.delete(key)
    this.#replays.delete(key)
    this.#timed.delete(key)
    this.#logFilters.delete(key)
    if (record) this.#records.set(key, record)
    else this.#records.delete(key)
    if (record?.kind === 'rule') {
      const bus = busOf(record)
      const rules = this.#rules.get(bus) ?? new Map<string, EventRule>()
      this.#rules.set(bus, rules.set(key, record))
    }
    if (record?.kind === 'archive') {
      const bus = busOf(record)
      const archives = this.#archives.get(bus) ?? new Map<string, Archive>()
      this.#archives.set(bus, archives.set(key, record))
    }
    if (record?.kind === 'replay' && isOpenReplay(record)) this.#replays.set(key, record)
    if (record?.kind === 'log-filters') this.#logFilters.set(key, record)
    if (record?.kind === 'schedule' || (record?.kind === 'rule' && record.scheduleExpression !== undefined))
      this.#timed.set(key, record)
    for (const listener of [...this.#listeners]) listener(key)
  }

  rules(account: AccountId, bus: string): Iterable<EventRule> {
    return this.#rules.get(triggerKeys.rulesOf(account, bus))?.values() ?? []
  }

  archives(account: AccountId, bus: string): Iterable<Archive> {
    return this.#archives.get(triggerKeys.rulesOf(account, bus))?.values() ?? []
  }

  archive(account: AccountId, name: string): Archive | undefined {
    const record = this.#records.get(triggerKeys.archive(account, name))
    return record?.kind === 'archive' ? record : undefined
  }

  /** Of all accounts. */
  everyArchive(): readonly Archive[] {
    return [...this.#archives.values()].flatMap((archives) => [...archives.values()])
  }

  /** Replays that have not ended, by key. */
  replays(): ReadonlyMap<string, Replay> {
    return this.#replays
  }

  topic(account: AccountId, name: string): Topic | undefined {
    const record = this.#records.get(triggerKeys.topic(account, name))
    return record?.kind === 'topic' ? record : undefined
  }

  logFilters(account: AccountId, logGroup: string): LogFilters | undefined {
    return this.#logFilters.get(triggerKeys.logFilters(account, logGroup))
  }

  /** Accounts that have filters on their logs. */
  accountsWithLogFilters(): ReadonlySet<AccountId> {
    return new Set([...this.#logFilters.values()].map(({ accountId }) => accountId))
  }

  /** Schedules, and rules that have one, by key. */
  timed(): ReadonlyMap<string, EventRule | Schedule> {
    return this.#timed
  }

  clock(): ClockPosition | undefined {
    const record = this.#records.get(triggerKeys.clock)
    return record?.kind === 'clock' ? record : undefined
  }

  /** Returns the unsubscribe. */
  onChange(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

const busOf = ({ accountId, busName }: EventRule | Archive): string => triggerKeys.rulesOf(accountId, busName)
