import { buckets, consumers, type EventSourceMapping, streams } from '@weft/contracts'
import { type MappingSources, type PositionBook, sourcesByService } from '@weft/delivery'
import { startNatsServer } from '@weft/kit'
import {
  ensureFabric,
  type NatsLink,
  natsDeadBatches,
  natsMappingSources,
  natsTargets,
  openLink,
  openMappingLeases,
} from '@weft/nats'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { expect } from 'vitest'
import { type PollerConfig, pollerDefaults } from '../config.ts'
import { account, mappingOf, type TestCatalogue, type TestInvoker } from '../fixtures.ts'
import { startPoller } from '../service.ts'

const quick: PollerConfig = {
  ...pollerDefaults,
  backoffMs: { first: 20, most: 100 },
  readWaitMs: 300,
  retryMs: 100,
  spreadMs: 0,
  listShardsMs: 200,
  stopDeadlineMs: 5_000,
}

/** A bus of its own with pollers on it; ends with `dispose`. */
export async function startBus() {
  await using starting = new AsyncDisposableStack()
  const server = starting.use(await startNatsServer())
  const link: NatsLink = starting.use(await openLink({ servers: [server.url], name: 'test', log }))
  await ensureFabric(link, { replicas: 1, storageBytes: 1024 ** 3 })
  const leases = (await link.jsm.streams.info(`KV_${buckets.mappingLeases}`)).config
  await link.jsm.streams.update(leases.name, { ...leases, max_age: 2e9, duplicate_window: 1e9 })
  const owned = starting.move()

  return {
    link,
    async poller(invoker: TestInvoker, catalogue: TestCatalogue, options: PollerOptions = {}) {
      await using beginning = new AsyncDisposableStack()
      const { holdMs = 2_000, others = {}, instanceId = 'one', change = {} } = options
      const jetstream = beginning.use(natsMappingSources({ links: { reader: async () => link }, clock, log, holdMs }))
      const service = beginning.use(
        await startPoller(
          { ...quick, ...change },
          {
            catalogue,
            mappingStore: catalogue,
            sources: sourcesByService({ jetstream, ...others }),
            leases: await openMappingLeases({ link, clock, log, instanceId }),
            deadBatches: natsDeadBatches(link),
            targets: natsTargets({ reader: async () => link, publisher: async () => link }),
            invoker,
            facts: { record: () => {}, log: () => {}, flush: async () => {} },
            clock,
            log,
          },
        ),
      )
      const stack = beginning.move()
      return { service, [Symbol.asyncDispose]: () => stack.disposeAsync() }
    },
    consumer: (stream: string, mapping: EventSourceMapping = mappingOf()) =>
      link.jsm.consumers.info(stream, consumers.mapping(mapping.uuid)),
    /** Waits until everything up to a message is settled. */
    settled: (stream: string, sequence: number) =>
      expect
        .poll(
          async () =>
            (await link.jsm.consumers.info(stream, consumers.mapping(mappingOf().uuid)).catch(() => undefined))
              ?.ack_floor.stream_seq,
          { timeout: 60_000, interval: 50 },
        )
        .toBe(sequence),
    count: async (stream: string): Promise<number> => (await link.jsm.streams.info(stream)).state.messages,
    async messages(stream: string) {
      const { state } = await link.jsm.streams.info(stream)
      const all = []
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
        const message = await link.jsm.streams.getMessage(stream, { seq })
        if (message) all.push(message)
      }
      return all
    },
    dead: async (): Promise<number> => (await link.jsm.streams.info(streams.dead)).state.messages,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export interface PollerOptions {
  readonly holdMs?: number
  /** Sources besides JetStream, by the service in their ARNs. */
  readonly others?: Readonly<Record<string, MappingSources>>
  readonly instanceId?: string
  readonly change?: Partial<PollerConfig>
}

/** What a mapping says of itself. */
export const lastResult = (catalogue: TestCatalogue): string | undefined =>
  catalogue.mapping(account, mappingOf().uuid)?.lastProcessingResult

/** For sources that keep their positions themselves. */
export const noPositions: PositionBook = {
  read: async () => undefined,
  write: () => Promise.reject(new Error('no position is to be kept')),
  remove: async () => {},
}
