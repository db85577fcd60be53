/** Time and timers, injected so that nothing below the services reads the real clock. */
export interface Clock {
  /** Wall clock, epoch ms. For stamps and signatures. */
  now(): number
  /** Monotonic ms, with fractions. For durations and timers. */
  monotonic(): number
  /** Calls `fn` once, `delayMs` from now by `monotonic` or later, never earlier. The timer does not keep the process alive. */
  schedule(delayMs: number, fn: () => void): Timer
}

export interface Timer {
  /** Safe to call twice and after the timer fired. */
  cancel(): void
}

/** setTimeout fires at once for delays above 2^31-1 ms; longer waits go in steps. */
const longestTimerMs = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, fn) {
    const dueAt = performance.now() + Math.max(0, delayMs)
    let handle: NodeJS.Timeout
    const arm = (): void => {
      // Node's timers count whole milliseconds and may fire up to one early. Who then looks at the clock finds that it
      // is not time yet, and may never look again.
      const left = Math.max(0, Math.ceil(dueAt - performance.now()))
      handle = setTimeout(() => (performance.now() < dueAt ? arm() : fn()), Math.min(left, longestTimerMs)).unref()
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Uniform in [0, 1). */
export type Random = () => number
export const systemRandom: Random = Math.random

/** Resolves after `delayMs` on the clock, or at once when the signal aborts. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const finish = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = clock.schedule(delayMs, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}
