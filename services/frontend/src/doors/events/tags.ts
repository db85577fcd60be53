import { defaultBusName, type EventBus, type EventRule, triggerKeys } from '@weft/contracts'
import { type Input, required, tags, text, texts } from '../json/fields.ts'
import { validation } from '../json/refusal.ts'
import { busy, type EventsContext, type EventsOperation, missing } from './context.ts'

const mergeTries = 10

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
  const { store } = context.triggers
  const key = keyOf(context, input)
  for (let left = mergeTries; left > 0; left--) {
    const stored = await store.read(key)
    if (stored?.value.kind !== 'rule' && stored?.value.kind !== 'bus') throw notThere(`${input.ResourceARN}`)
    const changed: EventRule | EventBus = { ...stored.value, tags: next(stored.value.tags) }
    if (Object.keys(changed.tags).length > 50) throw validation('A resource has 50 tags at most.')
    if ((await store.replace(key, changed, stored.revision)).ok) return {}
  }
  throw busy(key)
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
