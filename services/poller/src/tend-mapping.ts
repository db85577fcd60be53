import type { EventSourceMapping, FactSink, Invoker, ResolvedFunction } from '@weft/contracts'
import type { DeadBatches, EventTargets, MappingLeases, MappingSource, MappingSources } from '@weft/delivery'
import { type Clock, delay, type Logger, type Random } from '@weft/platform'
import { type Identities, sourceRefusal } from '@weft/policy'
import { type Catalogue, type ResolveCatalogue, resolveCall } from '@weft/registry'
import type { PollerConfig } from './config.ts'
import { HeldLease } from './held-lease.ts'
import type { MappingStates } from './mapping-states.ts'
import { runSource } from './run-source.ts'
import { ShardReaders } from './shard-readers.ts'

export interface TendContext {
  readonly config: PollerConfig
  readonly catalogue: ResolveCatalogue & Pick<Catalogue, 'mapping' | 'mappings' | 'onChange'>
  readonly states: MappingStates
  readonly sources: MappingSources
  readonly leases: MappingLeases
  readonly deadBatches: DeadBatches
  readonly targets: EventTargets
  readonly invoker: Invoker
  readonly facts: FactSink
  readonly clock: Clock
  /** Chooses between the versions of an alias. */
  readonly random: Random
  readonly log: Logger
  /** Roles of functions; absent: none is asked. */
  readonly identities?: Identities
  readonly stopping: AbortSignal
  /** Leases that this poller holds. */
  readonly heldCount: () => number
  readonly onHeld: (lease: string, held: boolean) => void
  readonly opened: (source: MappingSource) => void
  readonly closed: (source: MappingSource) => void
  /** What is wrong with a mapping; undefined: nothing (any more). */
  readonly trouble: (key: string, trouble: Trouble | undefined) => void
}

/** `owner`: the account's own to mend, as its stream that is missing. `fabric`: a source that is lost again and again. */
export interface Trouble {
  readonly whose: 'owner' | 'fabric'
  readonly text: string
}

/** Losses in a row after which a source is in trouble, and how long it must last to be out of it, ms. */
const losses = { most: 3, rowMs: 30_000 } as const

export const keyOf = (mapping: Pick<EventSourceMapping, 'accountId' | 'uuid'>): string =>
  `${mapping.accountId}.${mapping.uuid}`

/** What is wished of a mapping, the time of the wish included; states and results are the poller's own words, tags nobody's. */
const wishOf = (mapping: EventSourceMapping): string => {
  const { state, stateTransitionReason: _, lastProcessingResult: __, tags: ___, ...wish } = mapping
  return JSON.stringify({ ...wish, deleting: state === 'Deleting' })
}

/**
 * Looks after one mapping for as long as it is in the catalogue. Whoever has the mapping's lease writes its states and
 * reads a source that is a whole; the shards of another have leases of their own, which all pollers take.
 */
export async function tendMapping(context: TendContext, first: EventSourceMapping): Promise<void> {
  const { stopping, catalogue } = context
  const current = (): EventSourceMapping | undefined => catalogue.mapping(first.accountId, first.uuid)
  await using shards = new ShardReaders(context, first, current)
  const follow = catalogue.onChange((change) => {
    if (change.kind === 'mapping' && change.key === keyOf(first)) shards.look()
  })
  shards.look()
  try {
    while (!stopping.aborted && current())
      await underLease(context, keyOf(first), (lease) => serve(context, lease, current))
  } finally {
    follow()
  }
  context.states.forget(keyOf(first))
  context.trouble(keyOf(first), undefined)
}

/** Takes the lease if it can be had, and works under it; otherwise waits a while. */
export async function underLease(
  context: TendContext,
  key: string,
  work: (lease: HeldLease) => Promise<void>,
): Promise<void> {
  const { leases, clock, log, config, stopping } = context
  try {
    await delay(clock, context.heldCount() * config.spreadMs, stopping)
    const askedAtMs = clock.monotonic()
    const acquired = stopping.aborted ? undefined : await leases.acquire(key)
    if (!acquired?.ok) return await delay(clock, config.retryMs, stopping)
    const lease = new HeldLease(leases, clock, log, acquired.value, askedAtMs)
    context.onHeld(key, true)
    try {
      await work(lease)
    } finally {
      context.onHeld(key, false)
      await lease.release()
    }
  } catch (error) {
    log.warn({ err: error, lease: key }, 'a mapping could not be served; tried again')
    await delay(clock, config.retryMs, stopping)
  }
}

type Current = () => EventSourceMapping | undefined

async function serve(context: TendContext, lease: HeldLease, current: Current): Promise<void> {
  const { states, sources, stopping } = context
  for (;;) {
    const mapping = current()
    if (!mapping || stopping.aborted || !lease.held()) return
    await untilChanged(context, mapping, current, lease, async (ended) => {
      if (mapping.state === 'Deleting') {
        await sources.remove(mapping)
        await states.remove(keyOf(mapping))
        return
      }
      await states.settle(keyOf(mapping), mapping.enabled)
      if (mapping.enabled && isWhole(mapping, sources)) await readShard(context, lease, mapping, '', ended)
      else await watchLag(context, mapping, ended)
    })
  }
}

/** As long as an enabled mapping is read by others or in parts, tells how far it is behind; otherwise it does nothing. */
async function watchLag(context: TendContext, mapping: EventSourceMapping, ended: AbortSignal): Promise<void> {
  const { sources, clock, config, facts } = context
  const { uuid: requestId, accountId, functionName } = mapping
  while (mapping.enabled && !ended.aborted) {
    const lagRecords = await sources.lag?.(mapping)
    if (lagRecords !== undefined)
      facts.record({ type: 'offset-lag', requestId, accountId, functionName, lagRecords, atMs: clock.now() })
    await delay(clock, config.lagMs, ended)
  }
  await aborted(ended)
}

const isWhole = (mapping: EventSourceMapping, sources: MappingSources): boolean => !sources.isSharded(mapping)

/** Works until the wish changes, the lease is lost or the poller stops. */
export async function untilChanged(
  context: TendContext,
  mapping: EventSourceMapping,
  current: Current,
  lease: HeldLease,
  work: (ended: AbortSignal) => Promise<void>,
): Promise<void> {
  const changed = onceChanged(context, mapping, current)
  try {
    await work(AbortSignal.any([changed.signal, lease.lost, context.stopping]))
  } finally {
    changed.stop()
  }
}

/** Reads one shard of an enabled mapping until `ended`; a lost source is opened again. */
export async function readShard(
  context: TendContext,
  lease: HeldLease,
  mapping: EventSourceMapping,
  shard: string,
  ended: AbortSignal,
): Promise<void> {
  const { sources, states, clock, config, log, trouble } = context
  const key = keyOf(mapping)
  let lost = 0
  while (!ended.aborted && lease.held()) {
    const opened = await sources.open(mapping, shard)
    if (!opened.ok) {
      states.report(key, opened.error)
      trouble(key, { whose: 'owner', text: `mapping ${mapping.uuid}: ${opened.error}` })
      await delay(clock, config.retryMs, ended)
      continue
    }
    const source = opened.value
    context.opened(source)
    if (lost < losses.most) trouble(key, undefined)
    const lasting = clock.schedule(losses.rowMs, () => {
      lost = 0
      trouble(key, undefined)
    })
    try {
      await runSource(optionsFor(context, lease, mapping, shard, source, ended))
    } catch (error) {
      log.warn({ err: error, mapping: mapping.uuid }, 'a source was lost; it is opened again')
      lost++
      if (lost >= losses.most)
        trouble(key, { whose: 'fabric', text: `mapping ${mapping.uuid}: its source is lost again and again` })
      await delay(clock, Math.min(250, config.retryMs), ended)
    } finally {
      lasting.cancel()
      context.closed(source)
      await source[Symbol.asyncDispose]()
    }
  }
}

function optionsFor(
  context: TendContext,
  lease: HeldLease,
  mapping: EventSourceMapping,
  shard: string,
  source: MappingSource,
  leaving: AbortSignal,
) {
  const { catalogue, config, random, states, identities } = context
  const { accountId, functionName, qualifier } = mapping
  return {
    ...context,
    mapping,
    shard,
    source,
    leaving,
    resolve: () => {
      const found = resolveCall(catalogue, { accountId, region: config.region }, functionName, qualifier, random)
      return found.ok ? found.value : undefined
    },
    refusal: (target: ResolvedFunction) =>
      identities && sourceRefusal(identities, accountId, target.version.role, mapping.eventSourceArn),
    backoffMs: config.backoffMs,
    readWaitMs: config.readWaitMs,
    held: () => lease.held(),
    report: (result: string) => states.report(keyOf(mapping), result),
  }
}

function onceChanged(context: TendContext, mapping: EventSourceMapping, current: Current) {
  const controller = new AbortController()
  const wish = wishOf(mapping)
  const look = (): void => {
    const now = current()
    if (!now || wishOf(now) !== wish) controller.abort()
  }
  const stop = context.catalogue.onChange((change) => {
    if (change.kind === 'mapping' && change.key === keyOf(mapping)) look()
  })
  // It may have changed before the listener was there.
  look()
  return { signal: controller.signal, stop }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
