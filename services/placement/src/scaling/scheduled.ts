import type { ProvisionedScaling } from '@weft/contracts'
import { lastDue, parseTimetable } from '@weft/delivery'

/** The bounds as its scheduled actions have set them by now, and the name of the one that did; undefined: none was due. */
export function actOnSchedules(
  scaling: ProvisionedScaling,
  nowMs: number,
): { readonly scaling: ProvisionedScaling; readonly actions: readonly string[] } | undefined {
  const due = Object.entries(scaling.actions).flatMap(([name, action]) => {
    const { schedule, timezone, startMs, endMs, createdAtMs, doneThroughMs } = action
    const parsed = parseTimetable(schedule, { timezone, anchorMs: startMs ?? createdAtMs, atAnchor: true })
    if (!parsed.ok) return []
    const timing = { timetable: parsed.value, arn: action.actionId, startMs, endMs, flexibleWindowMs: 0 }
    const firing = lastDue(timing, doneThroughMs, nowMs)
    return firing ? [{ name, action, atMs: firing.dueMs }] : []
  })
  if (due.length === 0) return undefined
  let next = scaling
  for (const { name, action } of due.sort((a, b) => a.atMs - b.atMs)) {
    const actions = { ...next.actions, [name]: { ...action, doneThroughMs: nowMs } }
    next = { ...next, ...(scaling.suspended?.scheduled ? {} : boundsOf(next, action)), actions }
  }
  return { scaling: next, actions: scaling.suspended?.scheduled ? [] : due.map(({ name }) => name) }
}

/** What an action names of the bounds; the other one gives way where they would cross. */
function boundsOf(
  now: ProvisionedScaling,
  { minCapacity, maxCapacity }: ProvisionedScaling['actions'][string],
): Pick<ProvisionedScaling, 'minCapacity' | 'maxCapacity'> {
  if (minCapacity !== undefined && maxCapacity !== undefined) return { minCapacity, maxCapacity }
  if (minCapacity !== undefined) return { minCapacity, maxCapacity: Math.max(now.maxCapacity, minCapacity) }
  if (maxCapacity !== undefined) return { minCapacity: Math.min(now.minCapacity, maxCapacity), maxCapacity }
  return now
}
