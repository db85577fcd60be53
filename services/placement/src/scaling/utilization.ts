import type { ScalingPolicy } from '@weft/contracts'

/** Utilisation of provisioned environments within one minute, 0 to 1. */
export interface MinuteOfUse {
  readonly minute: number
  readonly average: number
  readonly minimum: number
  readonly maximum: number
}

const minuteMs = 60_000
/** Alarms look back no further. */
const mostMinutes = 15

/** What a policy looks at of a minute. */
export const figureOf = (use: MinuteOfUse, statistic: ScalingPolicy['statistic']): number =>
  use[({ Average: 'average', Minimum: 'minimum', Maximum: 'maximum' } as const)[statistic]]

/** The utilisation of one version or alias, minute by minute. What is not measured leaves a gap, and alarms begin anew behind it. */
export class Utilization {
  #minutes: MinuteOfUse[] = []
  #open: { minute: number; sum: number; count: number; minimum: number; maximum: number } | undefined

  /** Takes a measurement; true when a minute has come to its end by it. */
  add(nowMs: number, share: number): boolean {
    const minute = Math.floor(nowMs / minuteMs)
    const open = this.#open
    if (open?.minute === minute) {
      this.#open = {
        minute,
        sum: open.sum + share,
        count: open.count + 1,
        minimum: Math.min(open.minimum, share),
        maximum: Math.max(open.maximum, share),
      }
      return false
    }
    this.#open = { minute, sum: share, count: 1, minimum: share, maximum: share }
    if (!open) return false
    const { sum, count, ...rest } = open
    const gap = this.#minutes.at(-1)?.minute !== open.minute - 1
    this.#minutes = [...(gap ? [] : this.#minutes), { ...rest, average: sum / count }].slice(-mostMinutes)
    return true
  }

  /** Full minutes without a gap, the newest last. */
  get minutes(): readonly MinuteOfUse[] {
    return this.#minutes
  }

  /** What was measured before says nothing of what is there now. */
  reset(): void {
    this.#minutes = []
    this.#open = undefined
  }
}
