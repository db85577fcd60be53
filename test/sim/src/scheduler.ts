interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time: events in order of their time, then of their making. */
export class Scheduler {
  #heap: Event[] = []
  #order = 0
  #now = 0
  #steps = 0

  /** Virtual ms since the beginning; the true time, which no process sees. */
  get now(): number {
    return this.#now
  }

  get steps(): number {
    return this.#steps
  }

  after(delayMs: number, run: () => void): void {
    this.#push({ at: this.#now + Math.max(0, delayMs), order: this.#order++, run })
  }

  /** Runs events until virtual time `until`. `check` runs after each. */
  runUntil(until: number, check: () => void): void {
    for (;;) {
      const next = this.#heap[0]
      if (!next || next.at > until) break
      this.#pop()
      this.#now = next.at
      this.#steps += 1
      next.run()
      check()
    }
    this.#now = until
  }

  #before(a: Event, b: Event): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order)
  }

  #push(event: Event): void {
    const heap = this.#heap
    heap.push(event)
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] as Event
      if (!this.#before(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#before(heap[child + 1] as Event, heap[child] as Event)) child += 1
      if (!this.#before(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
  }
}
