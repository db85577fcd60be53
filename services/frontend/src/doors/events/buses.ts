import { busArn, defaultBusName, type EventBus, triggerKeys } from '@weft/contracts'
import { refuseUnserved, required, tags, text } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import {
  busNamed,
  type EventsContext,
  type EventsOperation,
  existingBus,
  namePattern,
  page,
  removeRecord,
} from './context.ts'

const describe = ({ region, accountId }: EventsContext, name: string, bus: EventBus | undefined) => ({
  Name: name,
  Arn: busArn(region, accountId, name),
  ...(bus?.description !== undefined && { Description: bus.description }),
  ...(bus && { CreationTime: bus.createdAtMs / 1_000, LastModifiedTime: bus.lastModifiedMs / 1_000 }),
})

export const createEventBus: EventsOperation = async (context, input) => {
  const name = required('Name', text(input, 'Name', { min: 1, max: 256, pattern: namePattern }))
  refuseUnserved(input, ['EventSourceName', 'KmsKeyIdentifier', 'DeadLetterConfig', 'LogConfig'])
  const now = context.clock.now()
  const description = text(input, 'Description', { max: 512 })
  const bus: EventBus = {
    ...{ kind: 'bus', accountId: context.accountId, name, createdAtMs: now, lastModifiedMs: now },
    ...{ tags: tags(input) ?? {}, ...(description !== undefined && { description }) },
  }
  const key = triggerKeys.bus(context.accountId, name)
  if (name === defaultBusName || !(await context.triggers.store.create(key, bus)).ok)
    throw new ServiceRefusal('ResourceAlreadyExistsException', `Event bus ${name} already exists.`)
  const { Arn } = describe(context, name, bus)
  return { EventBusArn: Arn, ...(description !== undefined && { Description: description }) }
}

export const deleteEventBus: EventsOperation = async (context, input) => {
  const name = required('Name', text(input, 'Name', { min: 1, max: 256, pattern: namePattern }))
  if (name === defaultBusName) throw validation(`Cannot delete event bus ${name}.`)
  if (context.triggers.list(triggerKeys.rulesOf(context.accountId, name)).length > 0)
    throw validation(`Event bus ${name} has rules. Delete them first.`)
  if (
    context.triggers
      .list(triggerKeys.archivesOf(context.accountId))
      .some((one) => one.kind === 'archive' && one.busName === name)
  )
    throw validation(`Event bus ${name} has archives. Delete them first.`)
  await removeRecord(context, triggerKeys.bus(context.accountId, name))
  return {}
}

export const describeEventBus: EventsOperation = async (context, input) => {
  const name = busNamed(context, input, 'Name')
  return describe(context, name, existingBus(context, name))
}

export const listEventBuses: EventsOperation = async (context, input) => {
  const prefix = text(input, 'NamePrefix', { min: 1, max: 256 }) ?? ''
  const made = context.triggers.list(triggerKeys.busesOf(context.accountId)).filter((one) => one.kind === 'bus')
  const all = [
    describe(context, defaultBusName, undefined),
    ...made.map((bus) => describe(context, bus.name, bus)),
  ].filter(({ Name }) => Name.startsWith(prefix))
  const { items, ...next } = page(input, all, ({ Name }) => Name)
  return { EventBuses: items, ...next }
}
