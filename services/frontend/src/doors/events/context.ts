import {
  type AccountId,
  defaultBusName,
  type EventBus,
  type EventRule,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'
import type { ArchiveStore, BusPublisher } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import { amend } from '../json/amend.ts'
import type { Input } from '../json/fields.ts'
import { text } from '../json/fields.ts'
import type { JsonOperation } from '../json/json-door.ts'
import { pageAfter } from '../json/page-after.ts'
import { ServiceRefusal } from '../json/refusal.ts'

export interface EventsContext {
  readonly accountId: AccountId
  readonly region: string
  readonly triggers: Collection<TriggerRecord>
  readonly publisher: BusPublisher
  readonly archives: Pick<ArchiveStore, 'sizes' | 'drop'>
  readonly clock: Pick<Clock, 'now'>
  /** Whether the caller may do something else, on another resource. */
  readonly allows: (action: string, resource: string) => boolean
}

export type EventsOperation = JsonOperation<EventsContext>

export const namePattern = '[\\.\\-_A-Za-z0-9]+'
/** Rules, buses and targets alike. */
export const nameBounds = { min: 1, max: 64, pattern: namePattern }

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
  const key = triggerKeys.rule(context.accountId, bus, name)
  const done = await amend(context.triggers.store, key, (before) => {
    if (before?.kind !== 'rule') throw ruleMissing(name, bus)
    const next = change(before)
    return next ? { put: next } : 'keep'
  })
  if (!done) throw busy(name)
}

export const busy = (name: string): ServiceRefusal =>
  new ServiceRefusal('ConcurrentModificationException', `${name} is being changed by another request.`)

/** Removes a record as it is now, unless `check` refuses; nothing when there is none. */
export async function removeRecord(
  context: { readonly triggers: Collection<TriggerRecord> },
  key: string,
  check: (record: TriggerRecord) => void = () => undefined,
): Promise<void> {
  const done = await amend(context.triggers.store, key, (before) => {
    if (before) check(before)
    return 'remove'
  })
  if (!done) throw busy(key)
}

/** A page of a list in order of name. */
export function page<T>(
  input: Input,
  all: readonly T[],
  nameOf: (one: T) => string,
  most = 100,
): { readonly items: readonly T[]; readonly NextToken?: string } {
  const token = text(input, 'NextToken', { min: 1, max: 2_048 })
  const limit = typeof input.Limit === 'number' && input.Limit >= 1 ? Math.min(input.Limit, most) : most
  const { items, nextToken } = pageAfter(all, nameOf, token, limit)
  return { items, ...(nextToken !== undefined && { NextToken: nextToken }) }
}
