import { defaultBusName, type EventBus, type EventRule, triggerKeys } from '@weft/contracts'
import { amend } from '../json/amend.ts'
import { type Input, required, tags, text, texts } from '../json/fields.ts'
import { validation } from '../json/refusal.ts'
import { busy, type EventsContext, type EventsOperation, missing } from './context.ts'

/** The key of the rule or bus that an ARN names. */
function keyOf({ accountId, region }: EventsContext, input: Input): string {
  const arn = required('ResourceARN', text(input, 'ResourceARN', { min: 1, max: 1_600 }))
  const prefix = `arn:aws:events:${region}:${accountId}:`
  const [kind, ...path] = arn.startsWith(prefix) ? arn.slice(prefix.length).split('/') : []
  const [first, second] = path
  if (!first || path.length > 2 || !path.every((one) => /^[.\w-]+$/.test(one))) throw notThere(arn)
  if (kind === 'event-bus' && second === undefined) return triggerKeys.bus(accountId, first)
  if (kind !== 'rule') throw notThere(arn)
  return second === undefined
    ? triggerKeys.rule(accountId, defaultBusName, first)
    : triggerKeys.rule(accountId, first, second)
}

const notThere = (arn: string) => missing(`${arn} does not exist.`)

async function change(
  context: EventsContext,
  input: Input,
  next: (tags: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
): Promise<object> {
  const key = keyOf(context, input)
  const done = await amend(context.triggers.store, key, (before) => {
    if (before?.kind !== 'rule' && before?.kind !== 'bus') throw notThere(`${input.ResourceARN}`)
    const changed: EventRule | EventBus = { ...before, tags: next(before.tags) }
    if (Object.keys(changed.tags).length > 50) throw validation('A resource has 50 tags at most.')
    return { put: changed }
  })
  if (!done) throw busy(key)
  return {}
}

export const tagResource: EventsOperation = (context, input) => {
  const given = required('Tags', tags(input))
  return change(context, input, (before) => ({ ...before, ...given }))
}

export const untagResource: EventsOperation = (context, input) => {
  const names = required('TagKeys', texts(input, 'TagKeys'))
  return change(context, input, (before) =>
    Object.fromEntries(Object.entries(before).filter(([name]) => !names.includes(name))),
  )
}

export const listTagsForResource: EventsOperation = async (context, input) => {
  const record = context.triggers.get(keyOf(context, input))
  if (record?.kind !== 'rule' && record?.kind !== 'bus') throw notThere(`${input.ResourceARN}`)
  return { Tags: Object.entries(record.tags).map(([Key, Value]) => ({ Key, Value })) }
}
