import type { ProvisionedScaling, ScalingPolicy } from '@weft/contracts'
import { figureOf, type MinuteOfUse } from './utilization.ts'

/** The alarms that a target tracking policy keeps (Application Auto Scaling user guide, "Target tracking"): minutes in a row. */
const minutesAbove = 3
const minutesBelow = 15
/** Below this share of its target, capacity is more than is needed. */
const lowShare = 0.9

export interface Situation {
  readonly scaling: Pick<ProvisionedScaling, 'minCapacity' | 'maxCapacity' | 'policies' | 'suspended'>
  /** Environments asked for now. */
  readonly capacity: number
  readonly minutes: readonly MinuteOfUse[]
  readonly nowMs: number
  /** When it was last changed by a policy, epoch ms. */
  readonly scaledOutMs?: number | undefined
  readonly scaledInMs?: number | undefined
}

export interface Step {
  readonly capacity: number
  readonly policy: string
  readonly direction: 'in' | 'out'
}

interface Wish {
  readonly name: string
  readonly policy: ScalingPolicy
  /** Absent: it has no wish that counts. */
  readonly out?: number
  readonly in?: number
}

/**
 * What the policies make of the capacity: the most that one of them asks for, and less only where all of them agree.
 * Undefined: it stays.
 */
export function track({ scaling, capacity, minutes, nowMs, scaledOutMs, scaledInMs }: Situation): Step | undefined {
  const { minCapacity, maxCapacity, suspended } = scaling
  const wishes = Object.entries(scaling.policies).map(([name, policy]) => wishOf(name, policy, capacity, minutes))
  const within = (wanted: number): number => Math.max(minCapacity, Math.min(maxCapacity, wanted))

  const most = wishes.reduce<Wish | undefined>((a, b) => ((b.out ?? 0) > (a?.out ?? 0) ? b : a), undefined)
  if (most?.out !== undefined) {
    const wanted = within(most.out)
    const cooling = scaledOutMs !== undefined && nowMs < scaledOutMs + most.policy.scaleOutCooldownMs
    return wanted <= capacity || cooling || suspended?.out
      ? undefined
      : { capacity: wanted, policy: most.name, direction: 'out' }
  }
  if (wishes.length === 0 || suspended?.in) return undefined
  const least = wishes.reduce((a, b) => ((b.in ?? capacity) > (a.in ?? capacity) ? b : a))
  const agreed = wishes.every((wish) => wish.in !== undefined && !wish.policy.disableScaleIn)
  if (!agreed || least.in === undefined) return undefined
  const since = Math.max(scaledInMs ?? -Infinity, scaledOutMs ?? -Infinity)
  const wanted = within(least.in)
  return wanted >= capacity || nowMs < since + least.policy.scaleInCooldownMs
    ? undefined
    : { capacity: wanted, policy: least.name, direction: 'in' }
}

function wishOf(name: string, policy: ScalingPolicy, capacity: number, minutes: readonly MinuteOfUse[]): Wish {
  const { targetValue, statistic } = policy
  const figures = minutes.map((minute) => figureOf(minute, statistic))
  const above = figures.slice(-minutesAbove)
  if (above.length === minutesAbove && above.every((figure) => figure > targetValue))
    return { name, policy, out: Math.ceil((capacity * Math.max(...above)) / targetValue) }
  const below = figures.slice(-minutesBelow)
  if (below.length === minutesBelow && below.every((figure) => figure < targetValue * lowShare))
    return { name, policy, in: Math.ceil((capacity * Math.max(...below)) / targetValue) }
  return { name, policy }
}
