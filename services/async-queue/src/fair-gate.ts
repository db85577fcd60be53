/**
 * Places for what runs at a time: so many in all, so many per key. Free places go round the keys that wait, and within a
 * key round its parts, so a backlog of one delays another by one place at most.
 */
export class FairGate {
  readonly #total: number
  readonly #perKey: number
  #taken = 0
  readonly #takenBy = new Map<string, number>()
  /** Keys in order of their turn, and so their parts; who was served goes to the end. */
  readonly #waiting = new Map<string, Map<string, (() => void)[]>>()

  constructor(total: number, perKey: number) {
    this.#total = total
    this.#perKey = perKey
  }

  get taken(): number {
    return this.#taken
  }

  /** How many of a part wait for a place. */
  waiting(key: string, part = ''): number {
    return this.#waiting.get(key)?.get(part)?.length ?? 0
  }

  /** A place that is free now, when nobody of the key waits; the release is safe to call twice. */
  take(key: string): (() => void) | undefined {
    if (this.#waiting.has(key) || this.#taken >= this.#total || (this.#takenBy.get(key) ?? 0) >= this.#perKey)
      return undefined
    return this.#place(key)
  }

  /** `enter` gets the place when it is this one's turn, perhaps at once. Returns how to wait no longer. */
  wait(key: string, part: string, enter: (exit: () => void) => void): () => void {
    const admit = (): void => enter(this.#place(key))
    const parts = this.#waiting.get(key) ?? new Map<string, (() => void)[]>()
    this.#waiting.set(key, parts)
    const queue = parts.get(part)
    if (queue) queue.push(admit)
    else parts.set(part, [admit])
    this.#admit()
    return () => this.#leave(key, part, admit)
  }

  #leave(key: string, part: string, admit: () => void): void {
    const parts = this.#waiting.get(key)
    const queue = parts?.get(part)
    const at = queue?.indexOf(admit) ?? -1
    if (!parts || !queue || at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) parts.delete(part)
    if (parts.size === 0) this.#waiting.delete(key)
  }

  #place(key: string): () => void {
    this.#taken++
    this.#takenBy.set(key, (this.#takenBy.get(key) ?? 0) + 1)
    let released = false
    return () => {
      if (released) return
      released = true
      this.#taken--
      const left = (this.#takenBy.get(key) ?? 1) - 1
      if (left > 0) this.#takenBy.set(key, left)
      else this.#takenBy.delete(key)
      this.#admit()
    }
  }

  #admit(): void {
    for (const [key, parts] of [...this.#waiting]) {
      if (this.#taken >= this.#total) return
      if ((this.#takenBy.get(key) ?? 0) >= this.#perKey) continue
      const [first] = parts
      if (!first) continue
      const [part, queue] = first
      const admit = queue.shift()
      parts.delete(part)
      if (queue.length > 0) parts.set(part, queue)
      this.#waiting.delete(key)
      if (parts.size > 0) this.#waiting.set(key, parts)
      admit?.()
    }
  }
}
