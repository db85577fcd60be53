import { type EventSourceMapping, type FactSink, type Invoker, limits, parseJetStreamArn } from '@weft/contracts'
import {
  type DeadBatches,
  type EncodedRecord,
  type MappingLeases,
  type MappingSource,
  type MappingSources,
  recordBytesWithin,
} from '@weft/delivery'
import { type Clock, delay, type Logger, type Random } from '@weft/platform'
import { type Catalogue, type ResolveCatalogue, resolveCall } from '@weft/registry'
import type { PollerConfig } from './config.ts'
import { gather } from './gather.ts'
import { HeldLease } from './held-lease.ts'
import type { MappingStates } from './mapping-states.ts'
import { settleBatch } from './settle-batch.ts'

export interface TendContext {
  readonly config: PollerConfig
  readonly catalogue: ResolveCatalogue & Pick<Catalogue, 'mapping' | 'mappings' | 'onChange'>
  readonly states: MappingStates
  readonly sources: MappingSources
  readonly leases: MappingLeases
  readonly deadBatches: DeadBatches
  readonly invoker: Invoker
  readonly facts: FactSink
  readonly clock: Clock
  /** Chooses between the versions of an alias. */
  readonly random: Random
  readonly log: Logger
  readonly stopping: AbortSignal
  /** Mappings that this poller holds. */
  readonly heldCount: () => number
  readonly opened: (source: MappingSource) => void
  readonly closed: (source: MappingSource) => void
}

export const keyOf = (mapping: Pick<EventSourceMapping, 'accountId' | 'uuid'>): string =>
  `${mapping.accountId}.${mapping.uuid}`

/** What is wished of a mapping, the time of the wish included; states and results are the poller's own words. */
const wishOf = (mapping: EventSourceMapping): string => {
  const { state, stateTransitionReason: _, lastProcessingResult: __, ...wish } = mapping
  return JSON.stringify({ ...wish, deleting: state === 'Deleting' })
}

/**
 * Looks after one mapping for as long as it is in the catalogue: takes its lease, then does what is wished of it until
 * the wish changes, the lease is lost or the poller stops.
 */
export async function tendMapping(context: TendContext, first: EventSourceMapping, onHeld: (held: boolean) => void) {
  const { leases, clock, log, config, stopping, catalogue } = context
  const key = keyOf(first)
  const current = (): EventSourceMapping | undefined => catalogue.mapping(first.accountId, first.uuid)
  while (!stopping.aborted && current()) {
    try {
      await delay(clock, context.heldCount() * config.spreadMs, stopping)
      const askedAtMs = clock.monotonic()
      const acquired = stopping.aborted ? undefined : await leases.acquire(key)
      if (!acquired?.ok) {
        await delay(clock, config.retryMs, stopping)
        continue
      }
      const lease = new HeldLease(leases, clock, log, acquired.value, askedAtMs)
      onHeld(true)
      try {
        await serve(context, lease, current)
      } finally {
        onHeld(false)
        await lease.release()
      }
    } catch (error) {
      log.warn({ err: error, mapping: key }, 'a mapping could not be served; tried again')
      await delay(clock, config.retryMs, stopping)
    }
  }
  context.states.forget(key)
}

async function serve(
  context: TendContext,
  lease: HeldLease,
  current: () => EventSourceMapping | undefined,
): Promise<void> {
  const { states, sources, stopping } = context
  for (;;) {
    const mapping = current()
    if (!mapping || stopping.aborted || !lease.held()) return
    const changed = onceChanged(context, mapping, current)
    const ended = AbortSignal.any([changed.signal, lease.lost, stopping])
    try {
      if (mapping.state === 'Deleting') {
        await sources.remove(mapping)
        await states.remove(keyOf(mapping))
        return
      }
      await states.settle(keyOf(mapping), mapping.enabled)
      if (mapping.enabled) await poll(context, lease, mapping, ended)
      else await aborted(ended)
    } finally {
      changed.stop()
    }
  }
}

/** Runs an enabled mapping until `ended`; a lost source is opened again. */
async function poll(
  context: TendContext,
  lease: HeldLease,
  mapping: EventSourceMapping,
  ended: AbortSignal,
): Promise<void> {
  const { sources, states, clock, config, log } = context
  while (!ended.aborted && lease.held()) {
    const opened = await sources.open(mapping)
    if (!opened.ok) {
      states.report(keyOf(mapping), opened.error)
      await delay(clock, config.retryMs, ended)
      continue
    }
    const source = opened.value
    context.opened(source)
    try {
      await runBatches(context, lease, mapping, source, ended)
    } catch (error) {
      log.warn({ err: error, mapping: mapping.uuid }, 'a source was lost; it is opened again')
      await delay(clock, Math.min(250, config.retryMs), ended)
    } finally {
      context.closed(source)
      await source[Symbol.asyncDispose]()
    }
  }
}

async function runBatches(
  context: TendContext,
  lease: HeldLease,
  mapping: EventSourceMapping,
  source: MappingSource,
  ended: AbortSignal,
): Promise<void> {
  const { catalogue, states, config } = context
  const parsed = parseJetStreamArn(mapping.eventSourceArn)
  if (!parsed.ok) throw new Error(`not a stream: ${mapping.eventSourceArn}`)
  const { accountId, functionName, qualifier } = mapping
  let carry: readonly EncodedRecord[] = []
  while (!ended.aborted) {
    const gathered = await gather({
      source,
      arn: { text: mapping.eventSourceArn, parsed: parsed.value },
      policy: {
        size: mapping.batchSize,
        bytes: recordBytesWithin(limits.mapping.batchBytes),
        windowMs: mapping.maximumBatchingWindowMs,
      },
      carry,
      readWaitMs: config.readWaitMs,
      clock: context.clock,
      signal: ended,
    })
    carry = gathered.carry
    if (gathered.batch.length === 0) continue
    await settleBatch(
      {
        mapping,
        source,
        resolve: () => {
          const scope = { accountId, region: config.region }
          const found = resolveCall(catalogue, scope, functionName, qualifier, context.random)
          return found.ok ? found.value : undefined
        },
        invoker: context.invoker,
        deadBatches: context.deadBatches,
        facts: context.facts,
        clock: context.clock,
        log: context.log,
        backoffMs: config.backoffMs,
        leaving: ended,
        held: () => lease.held(),
        report: (result) => states.report(keyOf(mapping), result),
      },
      gathered.batch,
    )
  }
}

function onceChanged(context: TendContext, mapping: EventSourceMapping, current: () => EventSourceMapping | undefined) {
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
