import type { EventSourceMapping, FactSink, Invoker } from '@weft/contracts'
import {
  archiveTargets,
  type BucketWriter,
  bucketTargets,
  cloudEventTargets,
  type DeadBatches,
  type EventAcceptor,
  type EventTargets,
  functionTargets,
  type MappingLeases,
  type MappingSource,
  type MappingSources,
  type TopicPublisher,
  targetsByService,
  topicTargets,
} from '@weft/delivery'
import { type Clock, type Logger, type Random, type Service, stopInOrder, systemRandom } from '@weft/platform'
import type { Catalogue, ResolveCatalogue, Store } from '@weft/registry'
import type { PollerConfig } from './config.ts'
import { MappingStates } from './mapping-states.ts'
import { keyOf, type TendContext, type Trouble, tendMapping } from './tend-mapping.ts'
import { runTriggers, type TriggersDeps } from './triggers/run-triggers.ts'

export interface PollerDeps {
  readonly catalogue: ResolveCatalogue & Pick<Catalogue, 'account' | 'mapping' | 'mappings' | 'onChange'>
  readonly mappingStore: Store<EventSourceMapping>
  readonly sources: MappingSources
  readonly leases: MappingLeases
  readonly deadBatches: DeadBatches
  /** Streams, subjects and queues that are named as targets. */
  readonly targets: EventTargets
  /** Event buses and schedules; absent: this poller runs none. */
  readonly triggers?: Pick<
    TriggersDeps,
    'queue' | 'logQueue' | 'triggers' | 'store' | 'identities' | 'archives' | 'buses'
  > & {
    /** Takes in what functions get from rules and schedules. */
    readonly events: EventAcceptor
    /** Topics that rules, schedules and mappings name as targets. */
    readonly topics: TopicPublisher
    /** Buckets that mappings name as destinations. */
    readonly buckets: BucketWriter
  }
  readonly invoker: Invoker
  readonly facts: FactSink
  readonly clock: Clock
  /** The system's when absent. */
  readonly random?: Random
  readonly log: Logger
}

export interface PollerService extends Service {
  /** Mappings and shards that this poller holds. */
  held(): number
  /** For the health report: what accounts have to mend in their mappings, at most so many. */
  details(): { readonly leases: number; readonly mappingsInTrouble: readonly string[] }
}

const mostTold = 20

/**
 * Runs event source mappings. Of several pollers one runs a mapping at a time; the others take it over when its lease
 * ends. Stopping reads no more, lets running batches settle within the deadline and gives the leases back.
 */
export async function startPoller(config: PollerConfig, deps: PollerDeps): Promise<PollerService> {
  const { catalogue, clock, log, sources } = deps
  const stopping = new AbortController()
  const open = new Set<MappingSource>()
  const held = new Set<string>()
  const troubles = new Map<string, Trouble>()
  const troubleOf = (whose: Trouble['whose']): readonly string[] =>
    [...troubles.values()].filter((one) => one.whose === whose).map(({ text }) => text)
  const tended = new Map<string, Promise<void>>()
  const context: TendContext = {
    ...deps,
    targets: destinations(deps),
    ...(deps.triggers && { identities: deps.triggers.identities }),
    random: deps.random ?? systemRandom,
    config,
    states: new MappingStates(deps.mappingStore, log),
    stopping: stopping.signal,
    heldCount: () => held.size,
    onHeld: (lease, holds) => {
      if (holds) held.add(lease)
      else held.delete(lease)
    },
    trouble: (key, trouble) => {
      if (trouble === undefined) troubles.delete(key)
      else troubles.set(key, trouble)
    },
    opened: (source) => open.add(source),
    closed: (source) => open.delete(source),
  }

  const tend = (mapping: EventSourceMapping): void => {
    const key = keyOf(mapping)
    if (tended.has(key) || stopping.signal.aborted) return
    const done = tendMapping(context, mapping).finally(() => {
      tended.delete(key)
      // It may have come back under the same id while its end was awaited.
      const again = catalogue.mapping(mapping.accountId, mapping.uuid)
      if (again) tend(again)
    })
    tended.set(key, done)
  }
  const discover = (): void => catalogue.mappings().forEach(tend)
  discover()
  const forget = catalogue.onChange((change) => {
    if (change.kind === 'mapping' && !change.removed) discover()
  })

  const triggers = deps.triggers && runTriggers(triggersDeps(config, deps, deps.triggers), stopping.signal)

  let ticker = clock.schedule(sources.holdMs / 3, tick)
  function tick(): void {
    for (const source of open) void source.extend()
    ticker = clock.schedule(sources.holdMs / 3, tick)
  }

  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    stopping.abort()
    forget()
    const finish = async (): Promise<void> => {
      await Promise.all([...tended.values(), triggers?.done])
    }
    await stopInOrder(clock, config.stopDeadlineMs, [{ name: 'settle running batches', run: finish }], (step, error) =>
      log.warn({ err: error, step }, 'stop: step not clean'),
    )
    ticker.cancel()
  }
  return {
    name: 'poller',
    problems: () => [...troubleOf('fabric'), ...(triggers?.problems() ?? [])],
    held: () => held.size,
    // An account's mistake must not make the fabric unready.
    details: () => ({ leases: held.size, mappingsInTrouble: troubleOf('owner').slice(0, mostTold) }),
    [Symbol.asyncDispose]: () => {
      stopped ??= stop()
      return stopped
    },
  }
}

/** What mappings can have as destinations. */
function destinations({ targets, triggers, clock }: PollerDeps): EventTargets {
  const now = (): number => clock.now()
  return targetsByService({
    jetstream: targets,
    cloudevents: cloudEventTargets(targets),
    ...(triggers && { sns: topicTargets(triggers.topics, now), s3: bucketTargets(triggers.buckets, now) }),
  })
}

const triggersDeps = (
  { region }: PollerConfig,
  { catalogue, leases, targets, clock, log }: PollerDeps,
  { events, topics, buckets: _, ...triggers }: NonNullable<PollerDeps['triggers']>,
): TriggersDeps => ({
  ...{ ...triggers, catalogue, leases, region, clock, log },
  isOpen: (account) => catalogue.account(account) !== undefined,
  targets: targetsByService({
    jetstream: targets,
    cloudevents: cloudEventTargets(targets),
    lambda: functionTargets(events, () => clock.now()),
    events: archiveTargets(
      triggers.archives,
      (account, name) => triggers.triggers.archive(account, name) !== undefined,
    ),
    sns: topicTargets(topics, () => clock.now()),
  }),
})
