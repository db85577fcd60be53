import {
  type AccountId,
  defaultBusName,
  type EventBus,
  type EventRule,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'
import type { BusPublisher } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Collection, Stored } from '@weft/registry'
import type { Input } from '../json/fields.ts'
import { text } from '../json/fields.ts'
import type { JsonOperation } from '../json/json-door.ts'
import { ServiceRefusal } from '../json/refusal.ts'

export interface EventsContext {
  readonly accountId: AccountId
  readonly region: string
  readonly triggers: Collection<TriggerRecord>
  readonly publisher: BusPublisher
  readonly clock: Pick<Clock, 'now'>
  /** Whether the caller may do something else, on another resource. */
  readonly allows: (action: string, resource: string) => boolean
}

export type EventsOperation = JsonOperation<EventsContext>

export const namePattern = '[\\.\\-_A-Za-z0-9]+'
/** Rules, buses and targets alike. */
export const nameBounds = { min: 1, max: 64, pattern: namePattern }
const mergeTries = 10

export const missing = (message: string): ServiceRefusal => new ServiceRefusal('ResourceNotFoundException', message)

/** The bus an input names, by name or ARN; `default` when it names none. */
export function busNamed({ accountId, region }: EventsContext, input: Input, member = 'EventBusName'): string {
  const given = text(input, member, { min: 1, max: 1_600 })
  if (given === undefined) return defaultBusName
  const prefix = `arn:aws:events:${region}:${accountId}:event-bus/`
  const name = given.startsWith(prefix) ? given.slice(prefix.length) : given
  if (!new RegExp(`^${namePattern}$`).test(name) || name.length > 256)
    throw missing(`Event bus ${given} does not exist.`)
  return name
}

export function existingBus(context: EventsContext, name: string): EventBus | undefined {
  const record = context.triggers.get(triggerKeys.bus(context.accountId, name))
  if (record?.kind === 'bus') return record
  if (name !== defaultBusName) throw missing(`Event bus ${name} does not exist.`)
  return undefined
}

export const ruleMissing = (rule: string, bus: string): ServiceRefusal =>
  missing(`Rule ${rule} does not exist on EventBus ${bus}.`)

/** Changes a rule as it is in the store at that moment; `change` gives undefined for a rule that stays as it is. */
export async function changeRule(
  context: EventsContext,
  bus: string,
  name: string,
  change: (rule: EventRule) => EventRule | undefined,
): Promise<void> {
  const { store } = context.triggers
  const key = triggerKeys.rule(context.accountId, bus, name)
  for (let left = mergeTries; left > 0; left--) {
    const stored = await store.read(key)
    if (stored?.value.kind !== 'rule') throw ruleMissing(name, bus)
    const next = change(stored.value)
    if (!next || (await store.replace(key, next, stored.revision)).ok) return
  }
  throw busy(name)
}

export const busy = (name: string): ServiceRefusal =>
  new ServiceRefusal('ConcurrentModificationException', `${name} is being changed by another request.`)

/** Removes a record as it is now; nothing when there is none. */
export async function removeRecord(
  context: { readonly triggers: Collection<TriggerRecord> },
  key: string,
  check: (stored: Stored<TriggerRecord>) => void = () => undefined,
): Promise<boolean> {
  const { store } = context.triggers
  for (let left = mergeTries; left > 0; left--) {
    const stored = await store.read(key)
    if (!stored) return false
    check(stored)
    if ((await store.remove(key, stored.revision)).ok) return true
  }
  throw busy(key)
}

/** A page of a list in order of name; the token is the last name of the page before. */
export function page<T>(
  input: Input,
  all: readonly T[],
  nameOf: (one: T) => string,
  most = 100,
): { readonly items: readonly T[]; readonly NextToken?: string } {
  const token = text(input, 'NextToken', { min: 1, max: 2_048 })
  const limit = typeof input.Limit === 'number' && input.Limit >= 1 ? Math.min(input.Limit, most) : most
  const from =
    token === undefined ? 0 : all.findIndex((one) => nameOf(one) > Buffer.from(token, 'base64url').toString())
  const items = from < 0 ? [] : all.slice(from, from + limit)
  const last = items.at(-1)
  const more = from >= 0 && all.length > from + limit && last !== undefined
  return { items, ...(more && { NextToken: Buffer.from(nameOf(last)).toString('base64url') }) }
}
