import { type PlanName, plans } from './plans.ts'

/** What is known of an event at the end. */
interface Entry {
  readonly plan: PlanName
  runs: number
  readonly ends: string[]
}

export interface LedgerRow {
  readonly plan: string
  readonly accepted: number
  readonly ended: number
  readonly runs: number
  readonly duplicateRuns: number
}

export interface Verdict {
  /** Accepted, and no terminal state. */
  readonly lost: number
  /** More than one terminal state. */
  readonly endedTwice: number
  /** Ended otherwise than planned. */
  readonly endedWrongly: number
  /** Runs above those that the plans take. */
  readonly duplicateRuns: number
  readonly rows: readonly LedgerRow[]
}

/** Accepted events, their runs and their ends. */
export class Ledger {
  readonly #entries = new Map<string, Entry>()

  accepted(id: string, plan: PlanName): void {
    this.#entry(id, plan)
  }

  ran(id: string, plan: PlanName): void {
    this.#entry(id, plan).runs++
  }

  ended(id: string, condition: string): void {
    this.#entries.get(id)?.ends.push(condition)
  }

  get size(): number {
    return this.#entries.size
  }

  verdict(): Verdict {
    const entries = [...this.#entries.values()]
    const count = (which: (entry: Entry) => boolean): number => entries.filter(which).length
    const duplicatesOf = ({ plan, runs }: Entry): number => Math.max(0, runs - plans[plan].runs)
    const sum = (some: readonly Entry[], of: (entry: Entry) => number): number =>
      some.reduce((total, entry) => total + of(entry), 0)
    const rows = [...Map.groupBy(entries, ({ plan }) => plan)].map(([plan, some]) => ({
      plan,
      accepted: some.length,
      ended: some.filter(({ ends }) => ends.length > 0).length,
      runs: sum(some, ({ runs }) => runs),
      duplicateRuns: sum(some, duplicatesOf),
    }))
    return {
      lost: count(({ ends }) => ends.length === 0),
      endedTwice: count(({ ends }) => ends.length > 1),
      endedWrongly: count(({ plan, ends }) => ends.some((end) => end !== plans[plan].condition)),
      duplicateRuns: sum(entries, duplicatesOf),
      rows,
    }
  }

  #entry(id: string, plan: PlanName): Entry {
    const known = this.#entries.get(id)
    if (known) return known
    const fresh: Entry = { plan, runs: 0, ends: [] }
    this.#entries.set(id, fresh)
    return fresh
  }
}
