import { buckets, type TriggerRecord } from '@weft/contracts'
import {
  type ArchiveStore,
  type BusBacklog,
  type BusPublisher,
  type EventAcceptor,
  type TopicPublisher,
  TriggerIndex,
} from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import type { Identities } from '@weft/policy'
import type { Collection, Store } from '@weft/registry'
import { natsArchiveStore } from './archive-store.ts'
import { openCollection } from './buckets/collection.ts'
import { busSource, logSource, natsBusPublisher } from './bus-queue.ts'
import { natsEventAcceptor } from './events.ts'
import { openIdentities } from './identities.ts'
import type { NatsLink } from './link.ts'
import { type ObjectStore, openObjectStore } from './objects/object-store.ts'
import { NatsPostQueue } from './post-queue.ts'

/** Buses, rules and schedules of all accounts, kept up to date by a watch for as long as they are not disposed. */
export interface NatsTriggers extends Collection<TriggerRecord>, AsyncDisposable {
  readonly index: TriggerIndex
  /** Resolves when all of them have been read once. */
  readonly whenReady: Promise<void>
  problems(): readonly string[]
}

export function openTriggers(link: NatsLink, options: { readonly log: Logger; readonly clock?: Clock }): NatsTriggers {
  const index = new TriggerIndex()
  const records = openCollection<TriggerRecord>(link, buckets.triggers, {
    ...options,
    onRecord: (key, record) => index.put(key, record),
  })
  return { ...records, index }
}

/** What a poller needs to follow rules and run schedules. */
export interface TriggerParts extends AsyncDisposable {
  readonly queue: NatsPostQueue
  readonly logQueue: NatsPostQueue
  readonly triggers: TriggerIndex
  readonly store: Store<TriggerRecord>
  readonly identities: Identities
  readonly events: EventAcceptor
  readonly archives: ArchiveStore
  /** Where replays put what they take from archives. */
  readonly buses: BusPublisher & BusBacklog
  /** Topics and buckets that are named as targets. */
  readonly topics: TopicPublisher
  readonly buckets: ObjectStore
  problems(): readonly string[]
}

/** Opens them; resolves when all rules, schedules and roles have been read once. */
export async function openTriggerParts(
  link: NatsLink,
  options: { readonly log: Logger; readonly clock: Clock },
): Promise<TriggerParts> {
  await using opened = new AsyncDisposableStack()
  const records = opened.use(openTriggers(link, options))
  const identities = opened.use(openIdentities(link, options))
  await Promise.all([records.whenReady, identities.whenReady])
  const queue = opened.use(new NatsPostQueue({ link, source: busSource, ...options }))
  const logQueue = opened.use(new NatsPostQueue({ link, source: logSource(records.index), ...options }))
  const buses = natsBusPublisher(link)
  const all = opened.move()
  return {
    ...{ queue, logQueue, triggers: records.index, store: records.store, identities },
    events: natsEventAcceptor({ link, log: options.log }),
    archives: natsArchiveStore(link),
    buses,
    topics: buses,
    buckets: openObjectStore(link, options.clock),
    problems: () => [...records.problems(), ...identities.problems()],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
