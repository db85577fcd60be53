import type { Clock, Timer } from '@weft/platform'

/**
 * Tells since when this process has surely been awake. A process that was stopped (SIGSTOP, a suspended machine, a long
 * garbage collection) finds old messages in its socket when it wakes; by its own clock they look fresh. Two beats
 * before now bound their age: what lay in the socket at the earlier beat was read before the later one.
 */
export class Pulse {
  readonly #clock: Clock
  readonly #everyMs: number
  #last: number
  #beforeLast: number
  #timer: Timer | undefined

  /** Beats every half second, or oftener where holds are so short that two beats would be much of them. */
  static for(clock: Clock, holdMs: number): Pulse {
    return new Pulse(clock, Math.min(500, holdMs / 20))
  }

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#last = clock.monotonic()
    this.#beforeLast = this.#last
    this.#beat()
  }

  /** Monotonic ms. A message read now was sent by the server after this moment, give or take the network. */
  awakeSince(): number {
    return this.#beforeLast
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #beat(): void {
    this.#timer = this.#clock.schedule(this.#everyMs, () => {
      this.#beforeLast = this.#last
      this.#last = this.#clock.monotonic()
      this.#beat()
    })
  }
}
