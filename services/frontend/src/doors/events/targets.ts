import {
  type EventRule,
  type InputTransformer,
  parseCloudEventArn,
  parseFunctionRef,
  parseTopicArn,
  type TriggerTarget,
  triggerKeys,
} from '@weft/contracts'
import { checkTransformer, isJson, parsePath } from '@weft/delivery'
import { type Input, object, objects, refuseUnserved, required, text, texts, whole } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import {
  busNamed,
  changeRule,
  type EventsContext,
  type EventsOperation,
  nameBounds,
  page,
  ruleMissing,
} from './context.ts'
import { namedRule } from './rules.ts'

/** API reference, PutTargets. */
const mostTargets = 5
const defaults = { maximumEventAgeSeconds: 86_400, maximumRetryAttempts: 185 }

const unserved = [
  'EcsParameters',
  'KinesisParameters',
  'BatchParameters',
  'HttpParameters',
  'RedshiftDataParameters',
  'SageMakerPipelineParameters',
  'RunCommandParameters',
  'AppSyncParameters',
  'SqsParameters',
]

/** What can be sent to: a function, a topic, or what of JetStream is the account's own. */
export function checkedTargetArn(context: { readonly accountId: string }, arn: string): string {
  const [, , service, , account] = arn.split(':')
  const isFunction = service === 'lambda' && parseFunctionRef(arn).ok
  const topic = parseTopicArn(arn)
  const isTopic = topic !== undefined && topic.subscriptionId === undefined
  if (!isFunction && !isTopic && service !== 'jetstream' && !parseCloudEventArn(arn))
    throw validation(
      `${arn} is not a supported target: functions, topics, arn:aws:jetstream streams, queues and subjects, and arn:aws:cloudevents subjects are.`,
    )
  if (account !== context.accountId) throw validation(`${arn} belongs to another account.`)
  return arn
}

export function retryPolicy(input: Input, most = { ageSeconds: 86_400, attempts: 185 }) {
  const policy = object(input, 'RetryPolicy')
  if (!policy) return defaults
  return {
    maximumEventAgeSeconds:
      whole(policy, 'MaximumEventAgeInSeconds', { min: 60, max: most.ageSeconds }) ?? defaults.maximumEventAgeSeconds,
    maximumRetryAttempts:
      whole(policy, 'MaximumRetryAttempts', { min: 0, max: most.attempts }) ?? defaults.maximumRetryAttempts,
  }
}

export function deadLetterArn(context: { readonly accountId: string }, input: Input): string | undefined {
  const arn = text(object(input, 'DeadLetterConfig') ?? {}, 'Arn', { min: 1, max: 1_600 })
  return arn === undefined ? undefined : checkedTargetArn(context, arn)
}

function readTarget(context: EventsContext, input: Input): TriggerTarget {
  refuseUnserved(input, unserved)
  const id = required('Id', text(input, 'Id', nameBounds))
  const arn = checkedTargetArn(context, required('Arn', text(input, 'Arn', { min: 1, max: 1_600 })))
  const own = text(input, 'Input', { max: 8_192 })
  const inputPath = text(input, 'InputPath', { max: 256 })
  const inputTransformer = readTransformer(input)
  if ([own, inputPath, inputTransformer].filter((one) => one !== undefined).length > 1)
    throw validation(`Only one of Input, InputPath, or InputTransformer must be provided for target ${id}.`)
  if (own !== undefined && !isJson(own)) throw validation(`JSON syntax error in input for target ${id}.`)
  if (inputPath !== undefined && !parsePath(inputPath)) throw validation(`Invalid InputPath for target ${id}.`)
  const roleArn = text(input, 'RoleArn', { min: 1, max: 1_600 })
  const dead = deadLetterArn(context, input)
  return {
    ...{ id, arn, ...retryPolicy(input) },
    ...(own !== undefined && { input: own }),
    ...(inputPath !== undefined && { inputPath }),
    ...(inputTransformer && { inputTransformer }),
    ...(roleArn !== undefined && { roleArn }),
    ...(dead !== undefined && { deadLetterArn: dead }),
  }
}

function readTransformer(input: Input): InputTransformer | undefined {
  const given = object(input, 'InputTransformer')
  if (!given) return undefined
  const template = required('InputTemplate', text(given, 'InputTemplate', { min: 1, max: 8_192 }))
  const map = object(given, 'InputPathsMap') ?? {}
  const names = Object.keys(map)
  if (names.length > 100) throw validation('InputPathsMap has more than 100 entries.')
  const paths = Object.fromEntries(names.map((name) => [name, required(name, text(map, name, { max: 256 }))]))
  const checked = checkTransformer({ paths, template })
  if (!checked.ok) throw validation(checked.error)
  return { paths, template }
}

export const describeTarget = (target: TriggerTarget) => ({
  Id: target.id,
  Arn: target.arn,
  ...(target.roleArn !== undefined && { RoleArn: target.roleArn }),
  ...(target.input !== undefined && { Input: target.input }),
  ...(target.inputPath !== undefined && { InputPath: target.inputPath }),
  ...(target.inputTransformer && {
    InputTransformer: { InputPathsMap: target.inputTransformer.paths, InputTemplate: target.inputTransformer.template },
  }),
  ...(target.deadLetterArn !== undefined && { DeadLetterConfig: { Arn: target.deadLetterArn } }),
  ...((target.maximumEventAgeSeconds !== defaults.maximumEventAgeSeconds ||
    target.maximumRetryAttempts !== defaults.maximumRetryAttempts) && {
    RetryPolicy: {
      MaximumEventAgeInSeconds: target.maximumEventAgeSeconds,
      MaximumRetryAttempts: target.maximumRetryAttempts,
    },
  }),
})

export const putTargets: EventsOperation = async (context, input) => {
  const rule = namedRule(input, 'Rule')
  const given = required('Targets', objects(input, 'Targets', { min: 1, max: 100 })).map((one) =>
    readTarget(context, one),
  )
  const ids = new Set(given.map(({ id }) => id))
  if (ids.size < given.length) throw validation('Target IDs must be unique within a rule.')
  await changeRule(context, busNamed(context, input), rule, (before) => {
    const targets = [...before.targets.filter(({ id }) => !ids.has(id)), ...given]
    if (targets.length > mostTargets)
      throw new ServiceRefusal('LimitExceededException', 'The requested resource exceeds the maximum number allowed.')
    return { ...before, targets }
  })
  return { FailedEntryCount: 0, FailedEntries: [] }
}

export const removeTargets: EventsOperation = async (context, input) => {
  const rule = namedRule(input, 'Rule')
  const ids = required('Ids', texts(input, 'Ids', { min: 1, max: 100 }))
  let absent: readonly string[] = []
  await changeRule(context, busNamed(context, input), rule, (before) => {
    absent = ids.filter((id) => !before.targets.some((target) => target.id === id))
    return { ...before, targets: before.targets.filter(({ id }) => !ids.includes(id)) }
  })
  return {
    FailedEntryCount: absent.length,
    FailedEntries: absent.map((id) => ({
      ...{ TargetId: id, ErrorCode: 'ResourceNotFoundException' },
      ErrorMessage: `Rule ${rule} does not have target ${id}.`,
    })),
  }
}

export const listTargetsByRule: EventsOperation = async (context, input) => {
  const name = namedRule(input, 'Rule')
  const bus = busNamed(context, input)
  const rule = context.triggers.get(triggerKeys.rule(context.accountId, bus, name))
  if (rule?.kind !== 'rule') throw ruleMissing(name, bus)
  const { items, ...next } = page(input, rule.targets, ({ id }) => id)
  return { Targets: items.map(describeTarget), ...next }
}

export const listRuleNamesByTarget: EventsOperation = async (context, input) => {
  const arn = required('TargetArn', text(input, 'TargetArn', { min: 1, max: 1_600 }))
  const names = context.triggers
    .list(triggerKeys.rulesOf(context.accountId, busNamed(context, input)))
    .filter((one): one is EventRule => one.kind === 'rule' && one.targets.some((target) => target.arn === arn))
    .map(({ name }) => name)
  const { items, ...next } = page(input, names, (name) => name)
  return { RuleNames: items, ...next }
}
