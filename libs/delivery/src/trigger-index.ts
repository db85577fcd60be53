import {
  type AccountId,
  type ClockPosition,
  type EventRule,
  type LogFilters,
  type Schedule,
  type Topic,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'

/** Rules by their bus, topics, filters on logs, and everything that a clock sets off; fed with the records of the bucket of triggers. */
export class TriggerIndex {
  readonly #records = new Map<string, TriggerRecord>()
  readonly #rules = new Map<string, Map<string, EventRule>>()
  readonly #logFilters = new Map<string, LogFilters>()
  readonly #timed = new Map<string, EventRule | Schedule>()
  readonly #listeners = new Set<(key: string) => void>()

  put(key: string, record: TriggerRecord | undefined): void {
    const before = this.#records.get(key)
    if (before?.kind === 'rule') this.#rules.get(busOf(before))?.delete(key)
    this.#timed.delete(key)
    this.#logFilters.delete(key)
    if (record) this.#records.set(key, record)
    else this.#records.delete(key)
    if (record?.kind === 'rule') {
      const bus = busOf(record)
      const rules = this.#rules.get(bus) ?? new Map<string, EventRule>()
      this.#rules.set(bus, rules.set(key, record))
    }
    if (record?.kind === 'log-filters') this.#logFilters.set(key, record)
    if (record?.kind === 'schedule' || (record?.kind === 'rule' && record.scheduleExpression !== undefined))
      this.#timed.set(key, record)
    for (const listener of [...this.#listeners]) listener(key)
  }

  rules(account: AccountId, bus: string): Iterable<EventRule> {
    return this.#rules.get(triggerKeys.rulesOf(account, bus))?.values() ?? []
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

const busOf = (rule: EventRule): string => triggerKeys.rulesOf(rule.accountId, rule.busName)
