import type { Dice } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** What a simulated process stands on: a clock of its own that runs a little wrong, and the chance to stop and die. */
export class Process {
  readonly id: string
  readonly scheduler: Scheduler
  readonly #rate: number
  readonly #offset: number
  #alive = true
  #pausedUntil = 0

  constructor(id: string, scheduler: Scheduler, dice: Dice) {
    this.id = id
    this.scheduler = scheduler
    this.#rate = dice.between(0.995, 1.005)
    this.#offset = dice.between(0, 1_000_000)
  }

  get alive(): boolean {
    return this.#alive
  }

  get paused(): boolean {
    return this.scheduler.now < this.#pausedUntil
  }

  /** Its monotonic clock, ms. */
  local(): number {
    return this.#offset + this.scheduler.now * this.#rate
  }

  /** Runs `fn` in this process after a time of its clock; late if it is stopped then, never if it is dead. */
  after(delayMs: number, fn: () => void): void {
    this.scheduler.after(Math.max(0, delayMs) / this.#rate, () => this.run(fn))
  }

  /** Runs `fn` now, or as soon as the process goes on. */
  run(fn: () => void): void {
    if (!this.#alive) return
    if (this.paused) this.scheduler.after(this.#pausedUntil - this.scheduler.now, () => this.run(fn))
    else fn()
  }

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.scheduler.now + ms)
  }

  die(): void {
    this.#alive = false
  }
}
