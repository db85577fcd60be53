import type { AccountId, FactSink, Invoker } from '@weft/contracts'
import {
  type BucketWriter,
  type BusPublisher,
  bucketTargets,
  busTargets,
  cloudEventTargets,
  type EventAcceptor,
  type EventInbox,
  type EventTargets,
  functionTargets,
  type InvocationBook,
  type TopicPublisher,
  targetsByService,
  topicTargets,
} from '@weft/delivery'
import { type Clock, type Logger, type Random, type Service, stopInOrder, systemRandom } from '@weft/platform'
import type { Catalogue, ResolveCatalogue } from '@weft/registry'
import { AccountQueue } from './account-queue.ts'
import type { AsyncQueueConfig } from './config.ts'
import { FairGate } from './fair-gate.ts'
import type { RunContext } from './run-event.ts'

export interface AsyncQueueDeps {
  readonly inbox: EventInbox
  /** Streams, subjects and queues that functions name as targets. */
  readonly targets: EventTargets
  /** Takes in what functions get that are targets of others. */
  readonly events: EventAcceptor
  /** Buckets that functions name as destinations. */
  readonly buckets: BucketWriter
  /** Event buses and topics that functions name as destinations. */
  readonly buses: BusPublisher & TopicPublisher
  readonly invoker: Invoker
  readonly catalogue: ResolveCatalogue & Pick<Catalogue, 'accounts' | 'onChange'>
  readonly facts: FactSink
  /** Of invocations whose results are kept. */
  readonly book: InvocationBook
  readonly clock: Clock
  /** The system's when absent. */
  readonly random?: Random
  readonly log: Logger
}

export interface AsyncQueueService extends Service {
  /** Events in hand, running or about to. */
  held(): number
}

/**
 * Works off accepted events of every account in the catalogue. Any number of instances may run: they share the
 * consumers. Stopping pulls no more, lets what runs finish within the deadline and gives the rest back.
 */
export async function startAsyncQueue(config: AsyncQueueConfig, deps: AsyncQueueDeps): Promise<AsyncQueueService> {
  const { inbox, catalogue, clock, log } = deps
  const stopping = new AbortController()
  const leaving = new AbortController()
  const context: RunContext = {
    ...deps,
    targets: targetsByService({
      jetstream: deps.targets,
      lambda: functionTargets(deps.events, () => clock.now()),
      events: busTargets(deps.buses, () => clock.now()),
      sns: topicTargets(deps.buses, () => clock.now()),
      s3: bucketTargets(deps.buckets, () => clock.now()),
      cloudevents: cloudEventTargets(deps.targets),
    }),
    random: deps.random ?? systemRandom,
    config,
    gate: new FairGate(config.totalConcurrency, config.accountConcurrency),
    paces: new Map(),
    stopping: stopping.signal,
    leaving: leaving.signal,
  }

  const queues = new Map<AccountId, AccountQueue>()
  const discover = (): void => {
    for (const { accountId } of catalogue.accounts())
      if (!queues.has(accountId)) queues.set(accountId, new AccountQueue(context, accountId, inbox.lanes(accountId)))
  }
  discover()
  /** Of an account that is disabled or gone: what waits stays where it is. */
  const retire = async (account: AccountId): Promise<void> => {
    const queue = queues.get(account)
    if (!queue) return
    await queue.stop()
    queues.delete(account)
    // It may have been enabled again meanwhile.
    if (!stopping.signal.aborted) discover()
  }
  const forget = catalogue.onChange((change) => {
    if (change.kind !== 'account' || stopping.signal.aborted) return
    if (!change.removed) discover()
    else retire(change.key as AccountId).catch((error: unknown) => log.warn({ err: error }, 'a queue was not closed'))
  })

  // A third of the hold: two extensions in a row may fail before a delivery is lost.
  let ticker = clock.schedule(inbox.holdMs / 3, tick)
  function tick(): void {
    for (const queue of queues.values()) for (const delivery of queue.held) void delivery.extend()
    ticker = clock.schedule(inbox.holdMs / 3, tick)
  }

  const ended = (): Promise<unknown> => Promise.all([...queues.values()].map((queue) => queue.ended()))
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    const onProblem = (step: string, error: unknown): void => log.warn({ err: error, step }, 'stop: step not clean')
    stopping.abort()
    await stopInOrder(
      clock,
      config.stopDeadlineMs,
      [{ name: 'finish what runs', run: () => ended().then(() => {}) }],
      onProblem,
    )
    leaving.abort()
    const steps = [
      { name: 'give back the rest', run: () => ended().then(() => {}) },
      ...[...queues.values()].map((queue) => ({ name: 'close lanes', run: () => queue.close() })),
    ]
    await stopInOrder(clock, 3_000, steps, onProblem)
    forget()
    ticker.cancel()
  }
  return {
    name: 'async-queue',
    problems: () => [...queues.values()].flatMap((queue) => queue.problems()),
    held: () => [...queues.values()].reduce((sum, queue) => sum + queue.held.size, 0),
    [Symbol.asyncDispose]: () => {
      stopped ??= stop()
      return stopped
    },
  }
}
