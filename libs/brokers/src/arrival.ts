import type { Clock } from '@weft/platform'

/** Lets one reader wait for what a broker hands over by itself. */
export class Arrival {
  readonly #clock: Clock
  #wake: () => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Something has come, or nothing will any more. */
  tell(): void {
    this.#wake()
  }

  /** Until it is told, the time is over, or the signal aborts. One at a time. */
  wait(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel()
        signal.removeEventListener('abort', done)
        this.#wake = () => {}
        resolve()
      }
      const timer = this.#clock.schedule(waitMs, done)
      signal.addEventListener('abort', done, { once: true })
      this.#wake = done
    })
  }
}
