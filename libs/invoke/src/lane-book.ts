import type { SandboxSpec } from '@weft/contracts/sandbox'
import { RunTimes } from './demand.ts'
import { type Lane, newLane } from './lanes.ts'

/** The lanes in use. A lane goes with its last call and lease; what its runs take is remembered for the next one. */
export class LaneBook {
  readonly #lanes = new Map<string, Lane>()
  readonly #runTimes = new RunTimes()
  readonly #partitionOf: (accountId: string) => number

  constructor(partitionOf: (accountId: string) => number) {
    this.#partitionOf = partitionOf
  }

  /** Those of this moment: lanes may go while they are looked through. */
  all(): readonly Lane[] {
    return [...this.#lanes.values()]
  }

  find(sandboxKey: string): Lane | undefined {
    return this.#lanes.get(sandboxKey)
  }

  /** The lane of a sandbox key, made when there is none. */
  of(spec: SandboxSpec): Lane {
    const known = this.#lanes.get(spec.sandboxKey)
    if (known) return known
    const lane = newLane(spec, this.#partitionOf(spec.accountId), this.#runTimes.of(spec.functionArn))
    this.#lanes.set(spec.sandboxKey, lane)
    return lane
  }

  /** A lane that may have gone with its last lease is used again. */
  keep(lane: Lane): void {
    this.#lanes.set(lane.spec.sandboxKey, lane)
  }

  dropIfUnused(lane: Lane): void {
    if (lane.waiting.size > 0 || lane.held > 0) return
    if (lane.runMs !== undefined) this.#runTimes.remember(lane.spec.functionArn, lane.runMs)
    if (this.#lanes.get(lane.spec.sandboxKey) === lane) this.#lanes.delete(lane.spec.sandboxKey)
  }
}
