import { randomUUID } from 'node:crypto'
import type { CapacityAnnouncement, FunctionRecord, SnapStartEntry } from '@weft/contracts'
import type { DispatcherFrame, WorkerFrame } from '@weft/contracts/placement'
import {
  defaultLeaseTimings,
  type LeaderBoard,
  LearningKeepWarm,
  type LeaseTimings,
  leastFenceMarginMs,
} from '@weft/placement'
import type { Clock, Logger, Random, Service } from '@weft/platform'
import type { Catalogue, Collection, ProvisionedBook, Store } from '@weft/registry'
import { Candidate } from './candidate.ts'
import type { DispatcherChannel, Lead, WorkerChannel } from './lead.ts'

export interface PlacementConfig {
  readonly instanceId: string
  /** host:port of the gRPC door; "" when wired in memory. */
  readonly address: string
  readonly partitions: number
  /** Of the functions' ARNs. `us-east-1` by default. */
  readonly region?: string
  /** Who decides about sandboxes without calls: their workers, after a fixed time, or what is learnt of each function. */
  readonly keepWarm?: 'worker' | 'learning'
  /** Which workers starts go to: those with most room (default), or the fullest that have any. */
  readonly starts?: 'spread' | 'pack'
  /** Acquires that wait at once in one partition. 10,000 by default. */
  readonly maxWaiting?: number
}

export interface PlacementDeps {
  readonly leaders: LeaderBoard
  readonly catalogue: Catalogue
  readonly provisionedBook: ProvisionedBook
  /** Where it tells how far versions with SnapStart are, and finds how far they were. */
  readonly snapStarts: Collection<SnapStartEntry>
  /** Where the provisioned concurrency of functions that scale is changed. */
  readonly functions: Store<FunctionRecord>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly timings?: LeaseTimings
  /** Called for each lead, about every second, for who adds and takes away workers. */
  readonly announce?: (partition: number, announcement: CapacityAnnouncement) => void
}

/** Leads partitions of placement. Channels that arrive here for a partition led elsewhere are closed. */
export interface PlacementService extends Service {
  acceptDispatcher(channel: DispatcherChannel): void
  acceptWorker(channel: WorkerChannel): void
  /** Leads of this instance, with counts. */
  details(): Readonly<Record<string, unknown>>
}

/** A channel is of no use without a hello; one that says nothing is closed after this time, ms. */
const helloMs = 10_000

export async function startPlacement(config: PlacementConfig, deps: PlacementDeps): Promise<PlacementService> {
  const { leaders, catalogue, provisionedBook, functions, clock, random, log, timings = defaultLeaseTimings } = deps
  if (leaders.ttlMs + leastFenceMarginMs > timings.workerFenceMs)
    throw new Error(
      `leads that live ${leaders.ttlMs} ms are too long for workers that stop after ${timings.workerFenceMs} ms`,
    )
  const candidates: Candidate[] = []
  for (let partition = 0; partition < config.partitions; partition++)
    candidates.push(
      new Candidate(partition, {
        leaders,
        catalogue,
        provisionedBook,
        functions,
        snapStarts: deps.snapStarts,
        ...(deps.announce && { announce: deps.announce }),
        ...(config.starts && { starts: config.starts }),
        ...(config.keepWarm === 'learning' && { keepWarm: () => new LearningKeepWarm() }),
        partitions: config.partitions,
        region: config.region ?? 'us-east-1',
        clock,
        random,
        log,
        timings,
        maxWaiting: config.maxWaiting ?? 10_000,
        newSandboxId: () => randomUUID().replaceAll('-', ''),
        self: { instanceId: config.instanceId, address: config.address },
        leadCount: () => candidates.filter((c) => c.lead).length,
      }),
    )
  const unsubscribe = catalogue.onChange((change) => {
    for (const candidate of candidates) candidate.catalogueChanged(change)
  })
  const open = new Set<DispatcherChannel | WorkerChannel>()
  let stopping = false

  /** Reads the hello, finds the lead it is for, and hands over the frames, those that came meanwhile first. */
  const accept = <F extends DispatcherFrame | WorkerFrame>(
    channel: DispatcherChannel | WorkerChannel,
    receive: (fn: (frame: F) => void) => void,
    attach: (
      hello: F,
      lead: (partition: number) => Promise<Lead | undefined>,
    ) => Promise<((frame: F) => void) | undefined>,
  ): void => {
    if (stopping) {
      channel.close()
      return
    }
    open.add(channel)
    const late = clock.schedule(helloMs, () => channel.close())
    let early: F[] | undefined
    let deliver: ((frame: F) => void) | undefined
    void channel.closed.then(() => {
      late.cancel()
      open.delete(channel)
    })
    receive((frame) => {
      if (deliver) deliver(frame)
      else if (early) early.push(frame)
      else {
        late.cancel()
        early = []
        attach(frame, async (partition) => candidates[partition]?.decided()).then(
          (to) => {
            if (!to) {
              channel.close()
              return
            }
            deliver = to
            for (const waiting of early?.splice(0) ?? []) to(waiting)
          },
          (error: unknown) => {
            log.error({ err: error }, 'a connection could not be attached')
            channel.close()
          },
        )
      }
    })
  }

  return {
    name: 'placement',
    acceptDispatcher: (channel) =>
      accept<DispatcherFrame>(
        channel,
        (fn) => channel.receive(fn),
        async ({ frame }, leadOf) => {
          if (frame?.$case !== 'hello') return undefined
          return (await leadOf(frame.value.partition))?.attachDispatcher(channel, frame.value)
        },
      ),
    acceptWorker: (channel) =>
      accept<WorkerFrame>(
        channel,
        (fn) => channel.receive(fn),
        async ({ frame }, leadOf) => {
          if (frame?.$case !== 'hello') return undefined
          return (await leadOf(frame.value.partition))?.attachWorker(channel, frame.value)
        },
      ),
    problems: () =>
      candidates
        .filter((c) => !c.lead && !leaders.leader(c.partition))
        .map((c) => `placement partition ${c.partition} has no leader`),
    details: () => ({
      leads: candidates.flatMap((c) =>
        c.lead ? [{ partition: c.partition, epoch: c.lead.epoch, ...c.lead.counts() }] : [],
      ),
    }),
    async [Symbol.asyncDispose]() {
      if (stopping) return
      stopping = true
      unsubscribe()
      const ends = await Promise.allSettled(candidates.map((c) => c.stop()))
      for (const end of ends)
        if (end.status === 'rejected') log.warn({ err: end.reason }, 'a lead could not be resigned')
      for (const channel of open) channel.close()
    },
  }
}
