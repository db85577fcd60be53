import {
  defaultScheduleGroup,
  type Schedule,
  type ScheduleGroup,
  scheduleArn,
  type TriggerRecord,
  type TriggerTarget,
  triggerKeys,
} from '@weft/contracts'
import { isTimezone, parseTimetable } from '@weft/delivery'
import { checkedTargetArn, deadLetterArn, retryPolicy } from '../events/targets.ts'
import { amend } from '../json/amend.ts'
import { type Input, object, refuseUnserved, required, text, time, whole } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import { groupOf, missing, nameBounds, page, type SchedulerContext, type SchedulerOperation } from './context.ts'

const unserved = [
  'EcsParameters',
  'EventBridgeParameters',
  'KinesisParameters',
  'SageMakerPipelineParameters',
  'SqsParameters',
]

function readTarget(context: SchedulerContext, input: Input): TriggerTarget {
  const given = required('Target', object(input, 'Target'))
  refuseUnserved(given, unserved)
  const own = text(given, 'Input', { min: 1, max: 262_144 })
  const dead = deadLetterArn(context, given)
  return {
    id: 'target',
    arn: checkedTargetArn(context, required('Target.Arn', text(given, 'Arn', { min: 1, max: 1_600 }))),
    roleArn: required(
      'Target.RoleArn',
      text(given, 'RoleArn', { min: 1, max: 1_600, pattern: 'arn:aws:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+' }),
    ),
    ...retryPolicy(given),
    ...(own !== undefined && { input: own }),
    ...(dead !== undefined && { deadLetterArn: dead }),
  }
}

function readWindow(input: Input): number {
  const window = required('FlexibleTimeWindow', object(input, 'FlexibleTimeWindow'))
  const mode = required('FlexibleTimeWindow.Mode', text(window, 'Mode', { values: ['OFF', 'FLEXIBLE'] }))
  const minutes = whole(window, 'MaximumWindowInMinutes', { min: 1, max: 1_440 })
  if (mode === 'FLEXIBLE') return required('FlexibleTimeWindow.MaximumWindowInMinutes', minutes)
  if (minutes !== undefined)
    throw validation('MaximumWindowInMinutes is not supported when FlexibleTimeWindow mode is OFF.')
  return 0
}

/** All that a request says of a schedule: an update leaves nothing of what was before. */
function readSchedule(context: SchedulerContext, input: Input, now: number) {
  refuseUnserved(input, ['KmsKeyArn'])
  const expression = required('ScheduleExpression', text(input, 'ScheduleExpression', { min: 1, max: 256 }))
  const timezone = text(input, 'ScheduleExpressionTimezone', { min: 1, max: 50 }) ?? 'UTC'
  if (!isTimezone(timezone)) throw validation(`Invalid ScheduleExpressionTimezone ${timezone}.`)
  const parsed = parseTimetable(expression, { timezone, anchorMs: now, atAnchor: true })
  if (!parsed.ok) throw validation(`Invalid Schedule Expression ${expression}.`)
  const startMs = time(input, 'StartDate')
  const endMs = time(input, 'EndDate')
  if (endMs !== undefined && endMs <= Math.max(now, startMs ?? now))
    throw validation('The EndDate you specify must come after the StartDate and lie in the future.')
  const description = text(input, 'Description', { max: 512 })
  const after = text(input, 'ActionAfterCompletion', { values: ['NONE', 'DELETE'] })
  return {
    ...{ expression, timezone, flexibleWindowMinutes: readWindow(input), target: readTarget(context, input) },
    enabled: text(input, 'State', { values: ['ENABLED', 'DISABLED'] }) !== 'DISABLED',
    deleteAfterCompletion: after === 'DELETE',
    lastModifiedMs: now,
    ...(description !== undefined && { description }),
    // The start and end of a schedule that runs once say nothing.
    ...(startMs !== undefined && parsed.value.kind !== 'at' && { startMs }),
    ...(endMs !== undefined && parsed.value.kind !== 'at' && { endMs }),
  }
}

const scheduleMissing = (name: string): ServiceRefusal => missing(`Schedule ${name} does not exist.`)

/** Who makes a schedule lends it the rights of its role, so he needs the right to. */
function checkPassRole(context: SchedulerContext, roleArn: string | undefined): void {
  if (roleArn === undefined || context.allows('iam:PassRole', roleArn)) return
  throw new ServiceRefusal(
    'AccessDeniedException',
    `User: ${context.principalArn} is not authorized to perform: iam:PassRole on resource: ${roleArn} because no identity-based policy allows the iam:PassRole action`,
    403,
  )
}

export const createSchedule: SchedulerOperation = async (context, input, name) => {
  const groupName = groupOf(context, text(input, 'GroupName', nameBounds))
  const now = context.clock.now()
  const schedule: Schedule = {
    ...{ kind: 'schedule', accountId: context.accountId, groupName, name, createdAtMs: now },
    ...readSchedule(context, input, now),
  }
  checkPassRole(context, schedule.target.roleArn)
  const made = await context.triggers.store.create(triggerKeys.schedule(context.accountId, groupName, name), schedule)
  if (!made.ok) throw new ServiceRefusal('ConflictException', `Schedule ${name} already exists.`, 409)
  return { ScheduleArn: scheduleArn(context.region, schedule) }
}

export const updateSchedule: SchedulerOperation = async (context, input, name) => {
  const groupName = groupOf(context, text(input, 'GroupName', nameBounds))
  const key = triggerKeys.schedule(context.accountId, groupName, name)
  const done = await amend(context.triggers.store, key, (before) => {
    if (before?.kind !== 'schedule') throw scheduleMissing(name)
    const { accountId, createdAtMs } = before
    const schedule: Schedule = {
      ...{ kind: 'schedule', accountId, groupName, name, createdAtMs },
      ...readSchedule(context, input, context.clock.now()),
    }
    checkPassRole(context, schedule.target.roleArn)
    return { put: schedule }
  })
  if (!done) throw busy(`Schedule ${name}`)
  return { ScheduleArn: scheduleArn(context.region, { accountId: context.accountId, groupName, name }) }
}

export const getSchedule: SchedulerOperation = async (context, input, name) => {
  const groupName = groupOf(context, text(input, 'groupName', nameBounds))
  const record = context.triggers.get(triggerKeys.schedule(context.accountId, groupName, name))
  if (record?.kind !== 'schedule') throw scheduleMissing(name)
  return {
    ...summary(context, record),
    ScheduleExpression: record.expression,
    ScheduleExpressionTimezone: record.timezone,
    FlexibleTimeWindow:
      record.flexibleWindowMinutes > 0
        ? { Mode: 'FLEXIBLE', MaximumWindowInMinutes: record.flexibleWindowMinutes }
        : { Mode: 'OFF' },
    ActionAfterCompletion: record.deleteAfterCompletion ? 'DELETE' : 'NONE',
    ...(record.description !== undefined && { Description: record.description }),
    ...(record.startMs !== undefined && { StartDate: record.startMs / 1_000 }),
    ...(record.endMs !== undefined && { EndDate: record.endMs / 1_000 }),
    Target: {
      Arn: record.target.arn,
      RoleArn: record.target.roleArn,
      ...(record.target.input !== undefined && { Input: record.target.input }),
      ...(record.target.deadLetterArn !== undefined && { DeadLetterConfig: { Arn: record.target.deadLetterArn } }),
      RetryPolicy: {
        MaximumEventAgeInSeconds: record.target.maximumEventAgeSeconds,
        MaximumRetryAttempts: record.target.maximumRetryAttempts,
      },
    },
  }
}

export const deleteSchedule: SchedulerOperation = async (context, input, name) => {
  const groupName = groupOf(context, text(input, 'groupName', nameBounds))
  const key = triggerKeys.schedule(context.accountId, groupName, name)
  if (!(await remove(context, key))) throw scheduleMissing(name)
  return {}
}

const summary = (context: SchedulerContext, schedule: Schedule) => ({
  Arn: scheduleArn(context.region, schedule),
  Name: schedule.name,
  GroupName: schedule.groupName,
  State: schedule.enabled ? 'ENABLED' : 'DISABLED',
  CreationDate: schedule.createdAtMs / 1_000,
  LastModificationDate: schedule.lastModifiedMs / 1_000,
})

export const listSchedules: SchedulerOperation = async (context, input) => {
  const group = text(input, 'ScheduleGroup', nameBounds)
  const prefix = text(input, 'NamePrefix', nameBounds) ?? ''
  const state = text(input, 'State', { values: ['ENABLED', 'DISABLED'] })
  const all = context.triggers
    .list(triggerKeys.schedulesOf(context.accountId, group))
    .filter((one): one is Schedule => one.kind === 'schedule' && one.name.startsWith(prefix))
    .filter((one) => state === undefined || one.enabled === (state === 'ENABLED'))
  const { items, ...next } = page(input, all, (one) => `${one.groupName}/${one.name}`)
  return {
    Schedules: items.map((one) => ({ ...summary(context, one), Target: { Arn: one.target.arn } })),
    ...next,
  }
}

const describeGroup = ({ region, accountId }: SchedulerContext, group: ScheduleGroup) => ({
  Arn: `arn:aws:scheduler:${region}:${accountId}:schedule-group/${group.name}`,
  Name: group.name,
  State: 'ACTIVE',
  CreationDate: group.createdAtMs / 1_000,
  LastModificationDate: group.lastModifiedMs / 1_000,
})

const defaultGroup = (context: SchedulerContext): ScheduleGroup => ({
  ...{ kind: 'schedule-group', accountId: context.accountId, name: defaultScheduleGroup },
  ...{ createdAtMs: 0, lastModifiedMs: 0 },
})

export const createScheduleGroup: SchedulerOperation = async (context, _, name) => {
  const now = context.clock.now()
  const group: ScheduleGroup = {
    ...{ kind: 'schedule-group', accountId: context.accountId, name, createdAtMs: now, lastModifiedMs: now },
  }
  const key = triggerKeys.group(context.accountId, name)
  if (name === defaultScheduleGroup || !(await context.triggers.store.create(key, group)).ok)
    throw new ServiceRefusal('ConflictException', `Schedule group ${name} already exists.`, 409)
  return { ScheduleGroupArn: describeGroup(context, group).Arn }
}

export const getScheduleGroup: SchedulerOperation = async (context, _, name) => {
  const record = context.triggers.get(triggerKeys.group(context.accountId, name))
  if (record?.kind === 'schedule-group') return describeGroup(context, record)
  if (name === defaultScheduleGroup) return describeGroup(context, defaultGroup(context))
  throw missing(`Schedule group ${name} does not exist.`)
}

/** The schedules of the group go with it. */
export const deleteScheduleGroup: SchedulerOperation = async (context, _, name) => {
  if (name === defaultScheduleGroup) throw validation('The default schedule group cannot be deleted.')
  const schedules = context.triggers.list(triggerKeys.schedulesOf(context.accountId, name))
  if (!(await remove(context, triggerKeys.group(context.accountId, name))))
    throw missing(`Schedule group ${name} does not exist.`)
  for (const schedule of schedules)
    if (schedule.kind === 'schedule')
      await remove(context, triggerKeys.schedule(context.accountId, name, schedule.name))
  return {}
}

export const listScheduleGroups: SchedulerOperation = async (context, input) => {
  const prefix = text(input, 'NamePrefix', nameBounds) ?? ''
  const made = context.triggers
    .list(triggerKeys.groupsOf(context.accountId))
    .filter((one: TriggerRecord): one is ScheduleGroup => one.kind === 'schedule-group')
  const all = [defaultGroup(context), ...made].filter((one) => one.name.startsWith(prefix))
  const { items, ...next } = page(input, all, (one) => one.name)
  return { ScheduleGroups: items.map((one) => describeGroup(context, one)), ...next }
}

/** False when there is nothing to remove. */
async function remove({ triggers }: SchedulerContext, key: string): Promise<boolean> {
  let there = false
  const done = await amend(triggers.store, key, (before) => {
    there = before !== undefined
    return 'remove'
  })
  if (!done) throw busy('It')
  return there
}

const busy = (what: string): ServiceRefusal =>
  new ServiceRefusal('ConflictException', `${what} is being changed by another request.`, 409)
