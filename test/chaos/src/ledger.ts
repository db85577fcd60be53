/** How events of each plan must end, and the runs that they take. */
export type PlanBook = Readonly<Record<string, { readonly condition: string; readonly runs: number }>>

/** What is known of an event at the end. */
interface Entry<Plan> {
  readonly plan: Plan
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
export class Ledger<Plan extends string> {
  readonly #plans: Readonly<Record<Plan, PlanBook[string]>>
  readonly #entries = new Map<string, Entry<Plan>>()

  constructor(plans: Readonly<Record<Plan, PlanBook[string]>>) {
    this.#plans = plans
  }

  accepted(id: string, plan: Plan): void {
    this.#entry(id, plan)
  }

  planOf(id: string): Plan | undefined {
    return this.#entries.get(id)?.plan
  }

  ran(id: string, plan: Plan): void {
    this.#entry(id, plan).runs++
  }

  ended(id: string, condition: string): void {
    this.#entries.get(id)?.ends.push(condition)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Events that did not end once and as planned, and how they did. */
  odd(): readonly string[] {
    const entries = [...this.#entries].filter(
      ([, { plan, ends }]) => ends.length !== 1 || ends[0] !== this.#plans[plan].condition,
    )
    return entries.map(
      ([id, { plan, runs, ends }]) => `${id} ${plan}: ${ends.join(', ') || 'no end'} after ${runs} runs`,
    )
  }

  verdict(): Verdict {
    const entries = [...this.#entries.values()]
    const plans = this.#plans
    const count = (which: (entry: Entry<Plan>) => boolean): number => entries.filter(which).length
    const duplicatesOf = ({ plan, runs }: Entry<Plan>): number => Math.max(0, runs - plans[plan].runs)
    const sum = (some: readonly Entry<Plan>[], of: (entry: Entry<Plan>) => number): number =>
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

  #entry(id: string, plan: Plan): Entry<Plan> {
    const known = this.#entries.get(id)
    if (known) return known
    const fresh: Entry<Plan> = { plan, runs: 0, ends: [] }
    this.#entries.set(id, fresh)
    return fresh
  }
}
