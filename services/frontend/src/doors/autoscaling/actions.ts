import { randomUUID } from 'node:crypto'
import type { ScheduledScaling } from '@weft/contracts'
import { isTimezone, parseTimetable } from '@weft/delivery'
import { object, required, text, time } from '../json/fields.ts'
import { validation } from '../json/refusal.ts'
import {
  changeScaling,
  namedResource,
  noTarget,
  ownOf,
  pageOfNamed,
  removeNamed,
  type ScalingOperation,
  scalingArn,
  targetMembers,
} from './context.ts'
import { readBounds } from './targets.ts'

const nameBounds = { min: 1, max: 256, pattern: '(?! )[^\\p{Cc}:/|]+(?<! )' }

export const putScheduledAction: ScalingOperation = async (context, input) => {
  const resource = namedResource(input)
  const name = required('ScheduledActionName', text(input, 'ScheduledActionName', nameBounds))
  const schedule = text(input, 'Schedule', { min: 1, max: 1_600 })
  const timezone = text(input, 'Timezone', { min: 1, max: 1_600 })
  if (timezone !== undefined && !isTimezone(timezone)) throw validation(`Invalid timezone: ${timezone}`)
  const [startMs, endMs] = [time(input, 'StartTime'), time(input, 'EndTime')]
  if (startMs !== undefined && endMs !== undefined && startMs >= endMs)
    throw validation('Start time must be before end time')
  const asked = object(input, 'ScalableTargetAction')
  const bounds = asked && readBounds(asked)
  if (bounds && bounds.minCapacity === undefined && bounds.maxCapacity === undefined)
    throw validation('At least one of MinCapacity and MaxCapacity must be specified')
  await changeScaling(context, resource, (before) => {
    if (!before) throw noTarget(resource)
    const now = context.clock.now()
    const old = ownOf(before.actions, name)
    const kept = {
      schedule: schedule ?? old?.schedule,
      timezone: timezone ?? old?.timezone ?? 'UTC',
      ...(bounds ?? (old && boundsOf(old))),
    }
    if (kept.schedule === undefined || !(bounds ?? old))
      throw validation('Schedule and ScalableTargetAction must be specified for a new scheduled action')
    const start = startMs ?? old?.startMs
    const end = endMs ?? old?.endMs
    const action: ScheduledScaling = {
      ...kept,
      schedule: kept.schedule,
      actionId: old?.actionId ?? randomUUID(),
      createdAtMs: old?.createdAtMs ?? now,
      // Times before it was made or changed are not made up for.
      doneThroughMs: now,
      ...(start !== undefined && { startMs: start }),
      ...(end !== undefined && { endMs: end }),
    }
    checkSchedule(action, now)
    return { ...before, actions: { ...before.actions, [name]: action } }
  })
  return {}
}

function checkSchedule({ schedule, timezone, startMs, createdAtMs }: ScheduledScaling, now: number): void {
  const parsed = parseTimetable(schedule, { timezone, anchorMs: startMs ?? createdAtMs, atAnchor: true })
  if (!parsed.ok) throw validation(`Invalid schedule expression ${schedule}: ${parsed.error}`)
  if (parsed.value.kind === 'at' && parsed.value.next(now) === undefined)
    throw validation(`The schedule ${schedule} lies in the past`)
}

const boundsOf = ({ minCapacity, maxCapacity }: ScheduledScaling) => ({
  ...(minCapacity !== undefined && { minCapacity }),
  ...(maxCapacity !== undefined && { maxCapacity }),
})

export const deleteScheduledAction: ScalingOperation = async (context, input) => {
  const name = required('ScheduledActionName', text(input, 'ScheduledActionName', nameBounds))
  await removeNamed(context, input, 'actions', 'scheduled action', name)
  return {}
}

export const describeScheduledActions: ScalingOperation = async (context, input) => {
  const { items, ...next } = pageOfNamed(context, input, 'actions', 'ScheduledActionNames')
  return {
    ScheduledActions: items.map(({ resourceId, name, one: action }) => ({
      ScheduledActionName: name,
      ScheduledActionARN: scalingArn(context, 'scheduledAction', action.actionId, resourceId, name),
      ...targetMembers(resourceId),
      Schedule: action.schedule,
      Timezone: action.timezone,
      ...(action.startMs !== undefined && { StartTime: action.startMs / 1_000 }),
      ...(action.endMs !== undefined && { EndTime: action.endMs / 1_000 }),
      ScalableTargetAction: {
        ...(action.minCapacity !== undefined && { MinCapacity: action.minCapacity }),
        ...(action.maxCapacity !== undefined && { MaxCapacity: action.maxCapacity }),
      },
      CreationTime: action.createdAtMs / 1_000,
    })),
    ...next,
  }
}
