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

  /** Resolves with the release, safe to call twice; undefined when the signal aborts first. */
  acquire(key: string, signal: AbortSignal, part = ''): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined)
      const abort = (): void => {
        this.#leave(key, part, enter)
        resolve(undefined)
      }
      const enter = (): void => {
        signal.removeEventListener('abort', abort)
        this.#taken++
        this.#takenBy.set(key, (this.#takenBy.get(key) ?? 0) + 1)
        resolve(this.#release(key))
      }
      signal.addEventListener('abort', abort, { once: true })
      const parts = this.#waiting.get(key) ?? new Map<string, (() => void)[]>()
      this.#waiting.set(key, parts)
      const queue = parts.get(part)
      if (queue) queue.push(enter)
      else parts.set(part, [enter])
      this.#admit()
    })
  }

  #leave(key: string, part: string, enter: () => void): void {
    const parts = this.#waiting.get(key)
    const queue = parts?.get(part)
    const at = queue?.indexOf(enter) ?? -1
    if (!parts || !queue || at < 0) return
    queue.splice(at, 1)
    if (queue.length === 0) parts.delete(part)
    if (parts.size === 0) this.#waiting.delete(key)
  }

  #release(key: string): () => void {
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
      const enter = queue.shift()
      parts.delete(part)
      if (queue.length > 0) parts.set(part, queue)
      this.#waiting.delete(key)
      if (parts.size > 0) this.#waiting.set(key, parts)
      enter?.()
    }
  }
}
