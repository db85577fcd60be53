import {
  archiveArn,
  busArn,
  defaultBusName,
  isOpenReplay,
  parseArchiveArn,
  parseBusArn,
  type Replay,
  replayArn,
  triggerKeys,
} from '@weft/contracts'
import { amend } from '../json/amend.ts'
import { type Input, object, required, text, texts, time } from '../json/fields.ts'
import { ServiceRefusal, validation } from '../json/refusal.ts'
import { busy, type EventsContext, type EventsOperation, existingBus, missing, nameBounds, page } from './context.ts'

/** EventBridge quotas: replays of an account that run at the same time. */
const mostReplays = 10
/** EventBridge user guide: a replay is known for 90 days after it began. */
export const replaysKnownMs = 90 * 86_400_000
const states = ['STARTING', 'RUNNING', 'CANCELLING', 'COMPLETED', 'CANCELLED', 'FAILED']

const replayMissing = (name: string): ServiceRefusal => missing(`Replay ${name} does not exist.`)
const wrong = (parameter: string, reason: string): ServiceRefusal =>
  validation(`Parameter ${parameter} is not valid. Reason: ${reason}`)

const named = (input: Input): string => required('ReplayName', text(input, 'ReplayName', nameBounds))
const arnIn = (input: Input, member: string): string => required(member, text(input, member, { min: 1, max: 1_600 }))

const replaysOf = ({ triggers, accountId }: EventsContext): readonly Replay[] =>
  triggers.list(triggerKeys.replaysOf(accountId)).filter((one) => one.kind === 'replay')

function archiveNamed(context: EventsContext, arn: string) {
  const parsed = parseArchiveArn(arn)
  if (parsed?.kind !== 'archive') throw wrong('EventSourceArn', 'Must contain an archive ARN.')
  const { accountId, region, triggers } = context
  const known = triggers.get(triggerKeys.archive(accountId, parsed.name))
  if (parsed.accountId !== accountId || parsed.region !== region || known?.kind !== 'archive')
    throw wrong('EventSourceArn', `Archive ${parsed.name} does not exist.`)
  return known
}

/** The bus that a replay's destination names, and the rules that shall be followed. */
function destinationOf(context: EventsContext, input: Input) {
  const destination = required('Destination', object(input, 'Destination'))
  const { accountId, region, triggers } = context
  const bus = parseBusArn(arnIn(destination, 'Arn'))
  if (!bus) throw wrong('Destination.Arn', 'Must contain an event bus ARN.')
  if (bus.accountId !== accountId || bus.region !== region) throw missing(`Event bus ${bus.bus} does not exist.`)
  existingBus(context, bus.bus)
  const prefix = `arn:aws:events:${region}:${accountId}:rule/${bus.bus === defaultBusName ? '' : `${bus.bus}/`}`
  const ruleNames = (texts(destination, 'FilterArns', { max: 100 }) ?? []).map((arn) => {
    const name = arn.startsWith(prefix) ? arn.slice(prefix.length) : ''
    if (!/^[.\w-]+$/.test(name)) throw wrong('Destination.FilterArns', 'Must contain rules of the event bus.')
    if (triggers.get(triggerKeys.rule(accountId, bus.bus, name))?.kind !== 'rule')
      throw missing(`Rule ${name} does not exist on EventBus ${bus.bus}.`)
    return name
  })
  return { busName: bus.bus, ruleNames }
}

export const startReplay: EventsOperation = async (context, input) => {
  const name = named(input)
  const description = text(input, 'Description', { max: 512 })
  const { busName, ruleNames } = destinationOf(context, input)
  const archive = archiveNamed(context, arnIn(input, 'EventSourceArn'))
  if (archive.busName !== busName) throw wrong('Destination.Arn', 'Cross event bus replay is not permitted.')
  const fromMs = required('EventStartTime', time(input, 'EventStartTime'))
  const toMs = required('EventEndTime', time(input, 'EventEndTime'))
  if (fromMs >= toMs) throw wrong('EventEndTime', 'EventStartTime must be before EventEndTime.')
  const { accountId, region, triggers, clock } = context
  const all = replaysOf(context)
  await forgetOld(context, all)
  if (all.filter(isOpenReplay).length >= mostReplays)
    throw new ServiceRefusal('LimitExceededException', 'The requested resource exceeds the maximum number allowed.')
  const replay: Replay = {
    ...{ kind: 'replay', accountId, name, archiveName: archive.name, busName, ruleNames, fromMs, toMs },
    ...{ state: 'STARTING', startedAtMs: clock.now(), ...(description !== undefined && { description }) },
  }
  if (!(await triggers.store.create(triggerKeys.replay(accountId, name), replay)).ok)
    throw new ServiceRefusal('ResourceAlreadyExistsException', `Replay ${name} already exists.`)
  return {
    ...{ ReplayArn: replayArn(region, accountId, name), State: replay.state },
    ReplayStartTime: replay.startedAtMs / 1_000,
  }
}

/** Makes room for new ones, and their names. */
async function forgetOld({ triggers, accountId, clock }: EventsContext, all: readonly Replay[]): Promise<void> {
  for (const one of all)
    if (!isOpenReplay(one) && one.startedAtMs + replaysKnownMs < clock.now())
      await amend(triggers.store, triggerKeys.replay(accountId, one.name), (now) =>
        now?.kind === 'replay' && !isOpenReplay(now) ? 'remove' : 'keep',
      )
}

export const cancelReplay: EventsOperation = async (context, input) => {
  const name = named(input)
  const done = await amend(context.triggers.store, triggerKeys.replay(context.accountId, name), (before) => {
    if (before?.kind !== 'replay') throw replayMissing(name)
    if (before.state !== 'STARTING' && before.state !== 'RUNNING')
      throw new ServiceRefusal('IllegalStatusException', `Replay ${name} is not in a valid state for this operation.`)
    return { put: { ...before, state: 'CANCELLING' as const } }
  })
  if (!done) throw busy(name)
  return { ReplayArn: replayArn(context.region, context.accountId, name), State: 'CANCELLING' }
}

const seconds = (ms: number): number => ms / 1_000

const summary = ({ region, accountId }: EventsContext, replay: Replay) => ({
  ReplayName: replay.name,
  EventSourceArn: archiveArn(region, accountId, replay.archiveName),
  State: replay.state,
  ...(replay.stateReason !== undefined && { StateReason: replay.stateReason }),
  EventStartTime: seconds(replay.fromMs),
  EventEndTime: seconds(replay.toMs),
  ...(replay.lastReplayedMs !== undefined && { EventLastReplayedTime: seconds(replay.lastReplayedMs) }),
  ReplayStartTime: seconds(replay.startedAtMs),
  ...(replay.endedAtMs !== undefined && { ReplayEndTime: seconds(replay.endedAtMs) }),
})

export const describeReplay: EventsOperation = async (context, input) => {
  const name = named(input)
  const { accountId, region, triggers } = context
  const replay = triggers.get(triggerKeys.replay(accountId, name))
  if (replay?.kind !== 'replay') throw replayMissing(name)
  return {
    ReplayArn: replayArn(region, accountId, name),
    ...summary(context, replay),
    ...(replay.description !== undefined && { Description: replay.description }),
    Destination: {
      Arn: busArn(region, accountId, replay.busName),
      FilterArns: replay.ruleNames.map(
        (rule) =>
          `arn:aws:events:${region}:${accountId}:rule/${replay.busName === defaultBusName ? '' : `${replay.busName}/`}${rule}`,
      ),
    },
  }
}

export const listReplays: EventsOperation = async (context, input) => {
  const prefix = text(input, 'NamePrefix', nameBounds) ?? ''
  const source = text(input, 'EventSourceArn', { min: 1, max: 1_600 })
  const state = text(input, 'State', { values: states })
  if ([prefix || undefined, source, state].filter((one) => one !== undefined).length > 1)
    throw validation(
      'At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.',
    )
  const archive = source === undefined ? undefined : parseArchiveArn(source)
  if (source !== undefined && archive?.kind !== 'archive') throw wrong('EventSourceArn', 'Must contain an archive ARN.')
  const found = replaysOf(context)
    .filter((one) => one.name.startsWith(prefix) && (state === undefined || one.state === state))
    .filter((one) => archive === undefined || one.archiveName === archive.name)
  const { items, ...next } = page(input, found, ({ name }) => name)
  return { Replays: items.map((one) => summary(context, one)), ...next }
}
