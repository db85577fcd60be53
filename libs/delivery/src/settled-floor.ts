/**
 * Positions that are settled in any order, and how far all are: what a source with one position per reader can be told.
 * Positions are added in ascending order.
 */
export class SettledFloor {
  readonly #open: { readonly position: number; settled: boolean }[] = []
  readonly #byPosition = new Map<number, { settled: boolean }>()

  add(position: number): void {
    const last = this.#open.at(-1)
    if (last && last.position >= position) throw new Error(`position ${position} after ${last.position}`)
    const entry = { position, settled: false }
    this.#open.push(entry)
    this.#byPosition.set(position, entry)
  }

  /** The highest position below which nothing is open any more, when this raises it. */
  settle(positions: Iterable<number>): number | undefined {
    for (const position of positions) {
      const entry = this.#byPosition.get(position)
      if (entry) entry.settled = true
    }
    let count = 0
    while (this.#open[count]?.settled) count++
    const passed = this.#open.splice(0, count)
    for (const { position } of passed) this.#byPosition.delete(position)
    return passed.at(-1)?.position
  }
}
