import { defaultBusName, type EventRule, ruleArn, triggerKeys } from '@weft/contracts'
import { parsePattern, parseTimetable } from '@weft/delivery'
import { amend } from '../json/amend.ts'
import { flag, type Input, required, tags, text } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import {
  busNamed,
  busy,
  changeRule,
  type EventsContext,
  type EventsOperation,
  existingBus,
  nameBounds,
  page,
  removeRecord,
  ruleMissing,
} from './context.ts'

/** API reference, PutRule. */
const mostRulesPerBus = 300

export const describeRuleRecord = (region: string, rule: EventRule) => ({
  Name: rule.name,
  Arn: ruleArn(region, rule),
  State: rule.enabled ? 'ENABLED' : 'DISABLED',
  EventBusName: rule.busName,
  ...(rule.description !== undefined && { Description: rule.description }),
  ...(rule.eventPattern !== undefined && { EventPattern: rule.eventPattern }),
  ...(rule.scheduleExpression !== undefined && { ScheduleExpression: rule.scheduleExpression }),
  ...(rule.roleArn !== undefined && { RoleArn: rule.roleArn }),
})

export const namedRule = (input: Input, member = 'Name'): string => required(member, text(input, member, nameBounds))

/** Refuses what is no pattern, with the reason. */
export function checkedPattern(input: Input): string | undefined {
  const pattern = text(input, 'EventPattern', { max: 4_096 })
  if (pattern === undefined) return undefined
  const parsed = parsePattern(pattern)
  if (parsed.ok) return pattern
  throw new ServiceRefusal('InvalidEventPatternException', `Event pattern is not valid. Reason: ${parsed.error}`)
}

function checkedSchedule(input: Input, bus: string): string | undefined {
  const expression = text(input, 'ScheduleExpression', { max: 256 })
  if (expression === undefined || expression === '') return undefined
  if (bus !== defaultBusName) throw validation('ScheduleExpression is supported only on the default event bus.')
  const parsed = parseTimetable(expression, { timezone: 'UTC', anchorMs: 0, atAnchor: false })
  if (parsed.ok && parsed.value.kind !== 'at') return expression
  throw validation('Parameter ScheduleExpression is not valid.')
}

export const putRule: EventsOperation = async (context, input) => {
  const name = namedRule(input)
  const busName = busNamed(context, input)
  existingBus(context, busName)
  const eventPattern = checkedPattern(input)
  const scheduleExpression = checkedSchedule(input, busName)
  if (eventPattern === undefined && scheduleExpression === undefined)
    throw validation('Parameter(s) EventPattern or ScheduleExpression must be specified.')
  const state = text(input, 'State', {
    values: ['ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS'],
  })
  if (state?.startsWith('ENABLED_WITH')) throw validation(`State ${state} is not supported by this fabric.`)
  const description = text(input, 'Description', { max: 512 })
  const roleArn = text(input, 'RoleArn', { min: 1, max: 1_600 })
  const given = {
    enabled: state !== 'DISABLED',
    ...(eventPattern !== undefined && { eventPattern }),
    ...(scheduleExpression !== undefined && { scheduleExpression }),
    ...(description !== undefined && { description }),
    ...(roleArn !== undefined && { roleArn }),
  }
  let arn = ''
  const done = await amend(context.triggers.store, triggerKeys.rule(context.accountId, busName, name), (found) => {
    const before = found?.kind === 'rule' ? found : undefined
    if (!before && context.triggers.list(triggerKeys.rulesOf(context.accountId, busName)).length >= mostRulesPerBus)
      throw new ServiceRefusal('LimitExceededException', 'The requested resource exceeds the maximum number allowed.')
    const rule: EventRule = {
      ...{ kind: 'rule', accountId: context.accountId, busName, name },
      ...{ targets: before?.targets ?? [], createdAtMs: createdAt(context, before, scheduleExpression) },
      ...{ tags: before?.tags ?? tags(input) ?? {}, ...given },
    }
    arn = ruleArn(context.region, rule)
    return { put: rule }
  })
  if (!done) throw busy(name)
  return { RuleArn: arn }
}

/** A rate counts from when it was given. */
const createdAt = (context: EventsContext, before: EventRule | undefined, schedule: string | undefined): number =>
  before && before.scheduleExpression === schedule ? before.createdAtMs : context.clock.now()

export const describeRule: EventsOperation = async (context, input) => {
  const name = namedRule(input)
  const bus = busNamed(context, input)
  const rule = context.triggers.get(triggerKeys.rule(context.accountId, bus, name))
  if (rule?.kind !== 'rule') throw ruleMissing(name, bus)
  return { ...describeRuleRecord(context.region, rule), CreatedBy: context.accountId }
}

export const listRules: EventsOperation = async (context, input) => {
  const bus = busNamed(context, input)
  existingBus(context, bus)
  const prefix = text(input, 'NamePrefix', nameBounds) ?? ''
  const rules = context.triggers
    .list(triggerKeys.rulesOf(context.accountId, bus))
    .filter((one) => one.kind === 'rule')
    .filter(({ name }) => name.startsWith(prefix))
  const { items, ...next } = page(input, rules, ({ name }) => name)
  return { Rules: items.map((rule) => describeRuleRecord(context.region, rule)), ...next }
}

export const deleteRule: EventsOperation = async (context, input) => {
  const name = namedRule(input)
  const bus = busNamed(context, input)
  flag(input, 'Force')
  // As AWS: a rule that is not there is no error.
  await removeRecord(context, triggerKeys.rule(context.accountId, bus, name), (rule) => {
    if (rule.kind === 'rule' && rule.targets.length > 0) throw validation(`Rule can't be deleted since it has targets.`)
  })
  return {}
}

const setEnabled =
  (enabled: boolean): EventsOperation =>
  async (context, input) => {
    await changeRule(context, busNamed(context, input), namedRule(input), (rule) =>
      rule.enabled === enabled ? undefined : { ...rule, enabled },
    )
    return {}
  }
export const enableRule = setEnabled(true)
export const disableRule = setEnabled(false)
