import { createHash } from 'node:crypto'
import type { Timetable } from './timetable.ts'

/** What decides when a schedule fires. */
export interface Timing {
  readonly timetable: Timetable
  /** Tells its flexible offsets from those of others. */
  readonly arn: string
  /** Nothing fires before it, nor at or after `endMs`, epoch ms. */
  readonly startMs?: number | undefined
  readonly endMs?: number | undefined
  /** Each firing is put off by a fixed part of this, another for every time; 0: none. */
  readonly flexibleWindowMs: number
}

export interface Firing {
  /** The time the schedule names, epoch ms. */
  readonly scheduledMs: number
  /** When it is due, epoch ms. */
  readonly dueMs: number
}

/** What a clock that was away catches up by looking back step by step; further back it takes the last day's. */
const mostSteps = 10_000
const dayMs = 86_400_000

/**
 * The last firing that came due after `afterMs`, up to and including `throughMs`; undefined when there was none. Of many
 * that were missed while no clock ran one is made up for, as cron daemons do.
 */
export function lastDue(timing: Timing, afterMs: number, throughMs: number): Firing | undefined {
  const recent = Math.max(afterMs, throughMs - dayMs)
  return search(timing, recent, throughMs) ?? (recent > afterMs ? search(timing, afterMs, throughMs) : undefined)
}

/** When the schedule is due next after `afterMs`; undefined: never again. */
export function nextDue(timing: Timing, afterMs: number): number | undefined {
  let from = afterMs - timing.flexibleWindowMs
  let soonest: number | undefined
  for (let left = mostSteps; left > 0; left--) {
    const scheduledMs = next(timing, from)
    if (scheduledMs === undefined || (soonest !== undefined && scheduledMs >= soonest)) return soonest
    const dueMs = scheduledMs + offset(timing, scheduledMs)
    if (dueMs > afterMs && (soonest === undefined || dueMs < soonest)) soonest = dueMs
    if (timing.flexibleWindowMs === 0 && soonest !== undefined) return soonest
    from = scheduledMs
  }
  return soonest
}

function search(timing: Timing, afterMs: number, throughMs: number): Firing | undefined {
  let from = afterMs - timing.flexibleWindowMs
  let last: Firing | undefined
  for (let left = mostSteps; left > 0; left--) {
    const scheduledMs = next(timing, from)
    if (scheduledMs === undefined || scheduledMs > throughMs) return last
    const dueMs = scheduledMs + offset(timing, scheduledMs)
    if (dueMs > afterMs && dueMs <= throughMs) last = { scheduledMs, dueMs }
    from = scheduledMs
  }
  return last
}

function next({ timetable, startMs, endMs }: Timing, afterMs: number): number | undefined {
  const at = timetable.next(startMs === undefined ? afterMs : Math.max(afterMs, startMs - 1))
  return at === undefined || (endMs !== undefined && at >= endMs) ? undefined : at
}

/** Spread evenly over the window, and the same whoever reckons it. */
function offset({ arn, flexibleWindowMs }: Timing, scheduledMs: number): number {
  if (flexibleWindowMs === 0) return 0
  const digest = createHash('sha256').update(`${arn} ${scheduledMs}`).digest()
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * flexibleWindowMs)
}
