import type { Lane } from './lanes.ts'

/**
 * How many leases a lane should have, asked for ones included, so that none of its calls waits longer than `patienceMs`
 * behind the others: few where runs are short, one for every call where they are long or not known yet.
 */
export function leasesWanted(lane: Lane, patienceMs: number): number {
  const { waiting, keeping, runMs, atLeast } = lane
  const oneEach = keeping + waiting.size
  if (runMs === undefined) return oneEach
  return Math.min(oneEach, Math.max(1, atLeast, Math.ceil((waiting.size * runMs) / patienceMs)))
}

/** Functions whose run times are remembered while nothing of them runs. */
const most = 10_000

/** What a run of each function takes, ms, forgetting those not seen for longest. */
export class RunTimes {
  readonly #byFunction = new Map<string, number>()

  of(functionArn: string): number | undefined {
    return this.#byFunction.get(functionArn)
  }

  remember(functionArn: string, runMs: number): void {
    this.#byFunction.delete(functionArn)
    this.#byFunction.set(functionArn, runMs)
    const [oldest] = this.#byFunction.keys()
    if (this.#byFunction.size > most && oldest !== undefined) this.#byFunction.delete(oldest)
  }
}

/**
 * What a run takes when nothing is in its way, from what runs took: down quickly, up slowly. A mean would rise with the
 * load of the machine, ask for more sandboxes and so raise the load.
 */
export const unhindered = (before: number | undefined, tookMs: number): number =>
  before === undefined ? tookMs : tookMs < before ? (before + tookMs) / 2 : Math.min(tookMs, before * 1.05 + 0.05)

/** Beyond this a call rather hears that its function is at its limit. */
const longestPatienceMs = 200

/**
 * How long it is worth waiting for a warm sandbox: as long as a cold start takes at present. It takes longer when the
 * machine is busy, and then another start would make that worse.
 */
export class Patience {
  readonly #leastMs: number
  #coldMs: number | undefined

  constructor(leastMs: number) {
    this.#leastMs = leastMs
  }

  get ms(): number {
    return Math.max(this.#leastMs, Math.min(this.#coldMs ?? 0, longestPatienceMs))
  }

  coldStart(tookMs: number): void {
    this.#coldMs = this.#coldMs === undefined ? tookMs : (this.#coldMs + tookMs) / 2
  }
}
