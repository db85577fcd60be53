/**
 * Places for what runs at a time: so many in all, so many per key. Free places go round the keys that wait, so one
 * key's backlog delays another key by one place at most.
 */
export class FairGate {
  readonly #total: number
  readonly #perKey: number
  #taken = 0
  readonly #takenBy = new Map<string, number>()
  /** Keys in order of their turn; a key that was served goes to the end. */
  readonly #waiting = new Map<string, (() => void)[]>()

  constructor(total: number, perKey: number) {
    this.#total = total
    this.#perKey = perKey
  }

  get taken(): number {
    return this.#taken
  }

  /** Resolves with the release, safe to call twice; undefined when the signal aborts first. */
  acquire(key: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined)
      const abort = (): void => {
        const queue = (this.#waiting.get(key) ?? []).filter((one) => one !== enter)
        if (queue.length > 0) this.#waiting.set(key, queue)
        else this.#waiting.delete(key)
        resolve(undefined)
      }
      const enter = (): void => {
        signal.removeEventListener('abort', abort)
        this.#taken++
        this.#takenBy.set(key, (this.#takenBy.get(key) ?? 0) + 1)
        resolve(this.#release(key))
      }
      signal.addEventListener('abort', abort, { once: true })
      const queue = this.#waiting.get(key)
      if (queue) queue.push(enter)
      else this.#waiting.set(key, [enter])
      this.#admit()
    })
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
    for (const [key, queue] of [...this.#waiting]) {
      if (this.#taken >= this.#total) return
      if ((this.#takenBy.get(key) ?? 0) >= this.#perKey) continue
      const enter = queue.shift()
      this.#waiting.delete(key)
      if (queue.length > 0) this.#waiting.set(key, queue)
      enter?.()
    }
  }
}
