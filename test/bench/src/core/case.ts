/** Numbers of one measurement, the unit in each name: `p50Us`, `p99Us`, `perSecond`, `ms`. */
export type Sample = Readonly<Record<string, number>>

/** One thing that is measured, once per round. */
export interface Case {
  /** `group.subject.setting`, for example `floor.http-echo.c16`; ratios and the JSON file refer to it. */
  readonly id: string
  readonly title: string
  readonly group: 'floor' | 'product' | 'peer'
  measure(): Promise<Sample>
}

/** Started servers and what can be measured on them. */
export interface Bed extends AsyncDisposable {
  readonly cases: readonly Case[]
}

export interface BedOptions {
  /** Multiplies every count: 1 is the full run. */
  readonly scale: number
}

/** A count at this scale, never less than `least`. */
export const scaled = (full: number, { scale }: BedOptions, least = 10): number =>
  Math.max(least, Math.round(full * scale))

/** Puts several beds together; disposes all of them, in reverse order. */
export async function together(starts: readonly (() => Promise<Bed>)[]): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const cases: Case[] = []
    for (const start of starts) cases.push(...stack.use(await start()).cases)
    return { cases, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
