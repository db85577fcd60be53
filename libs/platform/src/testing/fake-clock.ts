import type { Clock, Timer } from '../clock.ts'

/** A clock that moves only when told; due timers fire in order of their time, then of their creation. */
export class FakeClock implements Clock {
  #now: number
  #sequence = 0
  #timers: { at: number; order: number; fn: () => void }[] = []
  readonly #start: number

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs
    this.#start = startMs
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  schedule(delayMs: number, fn: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#sequence++, fn }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((t) => t !== timer)
      },
    }
  }

  /** Moves time forward by `ms`, firing what falls due on the way, timers set by timers included. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const due = this.#timers
        .filter((t) => t.at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)
        .at(0)
      if (!due) break
      this.#timers = this.#timers.filter((t) => t !== due)
      this.#now = Math.max(this.#now, due.at)
      due.fn()
    }
    this.#now = until
  }

  /** Epoch ms of the next timer, if any. */
  get nextTimerAt(): number | undefined {
    return this.#timers.reduce<number | undefined>(
      (least, t) => (least === undefined || t.at < least ? t.at : least),
      undefined,
    )
  }
}
