import { delay, systemClock } from '@weft/platform'

/** A step of the main job that did not come out; the message is one line for the user. */
export class DemoFailure extends Error {
  override name = 'DemoFailure'
}

/** What goes wrong in a step names the step. */
export async function orFail<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw error instanceof DemoFailure
      ? error
      : new DemoFailure(`${name}: ${(error as Error).message}`, { cause: error })
  }
}

const lookEveryMs = 100

/**
 * Looks until `look` finds something; fails with `late()` once `withinMs` have passed. Each look may take its own time:
 * the deadline is checked between looks.
 */
export async function eventually<T>(
  withinMs: number,
  look: () => Promise<T | undefined>,
  late: () => string,
): Promise<T> {
  const deadlineMs = systemClock.monotonic() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (systemClock.monotonic() >= deadlineMs)
      throw new DemoFailure(`${late()} (waited ${Math.round(withinMs / 1_000)} s)`)
    await delay(systemClock, lookEveryMs)
  }
}
