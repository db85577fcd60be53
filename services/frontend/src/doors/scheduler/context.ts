import { type AccountId, defaultScheduleGroup, type TriggerRecord, triggerKeys } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import { type Input, text } from '../json/fields.ts'
import { pageAfter } from '../json/page-after.ts'
import { ServiceRefusal } from '../json/refusal.ts'

export interface SchedulerContext {
  readonly accountId: AccountId
  readonly region: string
  readonly principalArn: string
  readonly triggers: Collection<TriggerRecord>
  readonly clock: Pick<Clock, 'now'>
  readonly allows: (action: string, resource: string) => boolean
}

/** `name`: from the path; "" for lists. */
export type SchedulerOperation = (context: SchedulerContext, input: Input, name: string) => Promise<object>

export const nameBounds = { min: 1, max: 64, pattern: '[0-9a-zA-Z-_.]+' }

export const missing = (message: string): ServiceRefusal =>
  new ServiceRefusal('ResourceNotFoundException', message, 404)

/** The group that is named, or the default one; one that was never made is refused. */
export function groupOf({ accountId, triggers }: SchedulerContext, name: string | undefined): string {
  if (name === undefined || name === defaultScheduleGroup) return defaultScheduleGroup
  if (triggers.get(triggerKeys.group(accountId, name))) return name
  throw missing(`Schedule group ${name} does not exist.`)
}

export function page<T>(input: Input, all: readonly T[], nameOf: (one: T) => string) {
  const token = text(input, 'NextToken', { min: 1, max: 2_048 })
  const asked = Number(text(input, 'MaxResults', { pattern: '\\d{1,3}' }) ?? 100)
  const most = Math.min(Math.max(asked, 1), 100)
  const { items, nextToken } = pageAfter(all, nameOf, token, most)
  return { items, ...(nextToken !== undefined && { NextToken: nextToken }) }
}
