import { type Archive, archiveArn, busArn, parseBusArn, triggerKeys } from '@weft/contracts'
import type { ArchiveSize } from '@weft/delivery'
import { amend } from '../json/amend.ts'
import { type Input, refuseUnserved, required, text, whole } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import { busy, type EventsContext, type EventsOperation, existingBus, missing, namePattern, page } from './context.ts'
import { checkedPattern } from './rules.ts'

/** API reference, CreateArchive: names are shorter than those of rules. */
const nameBounds = { min: 1, max: 48, pattern: namePattern }
/** An int of the API; a day more and the sum of milliseconds would no longer be exact. */
const mostRetentionDays = 2_147_483_647
/** EventBridge quotas: 100 a region, which can be raised. */
const mostArchives = 100
const states = ['ENABLED', 'DISABLED', 'CREATING', 'UPDATING', 'CREATE_FAILED', 'UPDATE_FAILED']

const archiveMissing = (name: string): ServiceRefusal => missing(`Archive ${name} does not exist.`)

const named = (input: Input): string => required('ArchiveName', text(input, 'ArchiveName', nameBounds))

export function existingArchive({ triggers, accountId }: EventsContext, name: string): Archive {
  const record = triggers.get(triggerKeys.archive(accountId, name))
  if (record?.kind !== 'archive') throw archiveMissing(name)
  return record
}

/** The bus of the account that an ARN names. */
export function sourceBus(context: EventsContext, arn: string): string {
  const parsed = parseBusArn(arn)
  if (!parsed) throw validation('Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.')
  if (parsed.accountId !== context.accountId || parsed.region !== context.region)
    throw missing(`Event bus ${parsed.bus} does not exist.`)
  existingBus(context, parsed.bus)
  return parsed.bus
}

/** What a request says of an archive, beside its name and bus. */
function settings(input: Input): Partial<Archive> {
  refuseUnserved(input, ['KmsKeyIdentifier'])
  const description = text(input, 'Description', { max: 512 })
  const eventPattern = checkedPattern(input)
  const retentionDays = whole(input, 'RetentionDays', { min: 0, max: mostRetentionDays })
  return {
    ...(description !== undefined && { description }),
    ...(eventPattern !== undefined && { eventPattern }),
    ...(retentionDays !== undefined && { retentionDays }),
  }
}

const made = ({ region, accountId }: EventsContext, { name, createdAtMs }: Archive) => ({
  ...{ ArchiveArn: archiveArn(region, accountId, name), State: 'ENABLED', CreationTime: createdAtMs / 1_000 },
})

export const createArchive: EventsOperation = async (context, input) => {
  const name = named(input)
  const busName = sourceBus(context, required('EventSourceArn', text(input, 'EventSourceArn', { min: 1, max: 1_600 })))
  const { accountId, triggers, clock } = context
  if (triggers.list(triggerKeys.archivesOf(accountId)).length >= mostArchives)
    throw new ServiceRefusal('LimitExceededException', 'The requested resource exceeds the maximum number allowed.')
  const archive: Archive = {
    ...{ kind: 'archive', accountId, name, busName, retentionDays: 0, createdAtMs: clock.now() },
    ...settings(input),
  }
  if (!(await triggers.store.create(triggerKeys.archive(accountId, name), archive)).ok)
    throw new ServiceRefusal('ResourceAlreadyExistsException', `Archive ${name} already exists.`)
  return made(context, archive)
}

export const updateArchive: EventsOperation = async (context, input) => {
  const name = named(input)
  const change = settings(input)
  let archive: Archive | undefined
  const done = await amend(context.triggers.store, triggerKeys.archive(context.accountId, name), (before) => {
    if (before?.kind !== 'archive') throw archiveMissing(name)
    archive = { ...before, ...change }
    return { put: archive }
  })
  if (!done || !archive) throw busy(name)
  return made(context, archive)
}

export const deleteArchive: EventsOperation = async (context, input) => {
  const name = named(input)
  const { accountId, triggers, archives } = context
  const done = await amend(triggers.store, triggerKeys.archive(accountId, name), (before) => {
    if (before?.kind !== 'archive') throw archiveMissing(name)
    return 'remove'
  })
  if (!done) throw busy(name)
  await archives.drop(accountId, name)
  return {}
}

const summary = ({ region, accountId }: EventsContext, archive: Archive, size: ArchiveSize | undefined) => ({
  ArchiveName: archive.name,
  EventSourceArn: busArn(region, accountId, archive.busName),
  State: 'ENABLED',
  RetentionDays: archive.retentionDays,
  SizeBytes: size?.bytes ?? 0,
  EventCount: size?.events ?? 0,
  CreationTime: archive.createdAtMs / 1_000,
})

export const describeArchive: EventsOperation = async (context, input) => {
  const archive = existingArchive(context, named(input))
  const sizes = await context.archives.sizes(context.accountId)
  return {
    ArchiveArn: archiveArn(context.region, context.accountId, archive.name),
    ...summary(context, archive, sizes.get(archive.name)),
    ...(archive.description !== undefined && { Description: archive.description }),
    ...(archive.eventPattern !== undefined && { EventPattern: archive.eventPattern }),
  }
}

export const listArchives: EventsOperation = async (context, input) => {
  const prefix = text(input, 'NamePrefix', nameBounds) ?? ''
  const source = text(input, 'EventSourceArn', { min: 1, max: 1_600 })
  const state = text(input, 'State', { values: states })
  if ([prefix || undefined, source, state].filter((one) => one !== undefined).length > 1)
    throw validation(
      'At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.',
    )
  const bus = source === undefined ? undefined : sourceBus(context, source)
  const found = context.triggers
    .list(triggerKeys.archivesOf(context.accountId))
    .filter((one) => one.kind === 'archive')
    .filter((one) => one.name.startsWith(prefix) && (bus === undefined || one.busName === bus))
    .filter(() => state === undefined || state === 'ENABLED')
  const { items, ...next } = page(input, found, ({ name }) => name)
  const sizes = items.length === 0 ? new Map() : await context.archives.sizes(context.accountId)
  return { Archives: items.map((one) => summary(context, one, sizes.get(one.name))), ...next }
}
