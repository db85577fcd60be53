import { randomUUID } from 'node:crypto'
import type { EventSourceMapping, InvokeCall } from '@weft/contracts'
import { sourcesByService } from '@weft/delivery'
import { startNatsServer } from '@weft/kit'
import {
  ensureFabric,
  type NatsLink,
  natsDeadBatches,
  natsMappingSources,
  natsTargets,
  openLink,
  openMappingLeases,
  openPositionBook,
} from '@weft/nats'
import { systemClock as clock, silentLogger as log } from '@weft/platform'
import { pollerDefaults, startPoller } from '@weft/poller-service'
import { mappingOf, success, TestCatalogue } from '@weft/poller-service/testing'
import { type Bed, type BedOptions, type Sample, scaled } from '../core/case.ts'
import { awsSubjects } from './aws-subjects.ts'
import { kafkaSubject, mqttSubject, rabbitmqSubject, redisSubject } from './broker-subjects.ts'
import { natsSubjects } from './nats-subjects.ts'
import { batchSize, Meter, type Subject } from './subject.ts'

const record = /"(?:eventSource|messageId|basicProperties|timestampType)":/g

/**
 * What a mapping makes of each kind of source, beside a bare consumer of the same broker that acknowledges what it reads: the
 * poller with everything but the function, which is an answer at once.
 */
export async function startSources(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const server = stack.use(await startNatsServer())
    const link = stack.use(await openLink({ servers: [server.url], name: 'bench', log }))
    await ensureFabric(link, { replicas: 1, storageBytes: 4 * 1024 ** 3 })
    const subjects: Subject[] = [
      ...natsSubjects(link),
      await kafkaSubject(),
      await rabbitmqSubject(),
      await redisSubject(),
      await mqttSubject(),
      ...(await awsSubjects(openPositionBook(link))),
    ]
    for (const subject of subjects) stack.use(subject)
    const cases = subjects.map((subject) => ({
      id: `source.${subject.name.match(/\w+/g)?.slice(0, 2).join('-').toLowerCase()}`,
      title: `Weft mapping on ${subject.name}, batches of ${batchSize}`,
      group: 'product' as const,
      measure: () => measure(link, subject, scaled(20_000, options, 500)),
    }))
    return { cases, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function measure(link: NatsLink, subject: Subject, count: number): Promise<Sample> {
  const bare = new Meter(count)
  const product = new Meter(count)
  const [one, two] = [`r${randomUUID().slice(0, 8)}`, `r${randomUUID().slice(0, 8)}`]
  if (!subject.live) await subject.fill(one, count)
  const read = subject.bare(one, count, bare.took)
  if (subject.live) await subject.fill(one, count)
  await read

  if (!subject.live) await subject.fill(two, count)
  const catalogue = new TestCatalogue('f')
  const mapping: EventSourceMapping = mappingOf({
    uuid: randomUUID(),
    batchSize,
    maximumBatchingWindowMs: 0,
    ...subject.mapping(two),
  })
  catalogue.put(mapping)
  {
    await using poller = await pollerOn(link, subject, catalogue, product)
    if (subject.live) {
      while (poller.held() === 0 || catalogue.mapping(mapping.accountId, mapping.uuid)?.state !== 'Enabled')
        await new Promise((resolve) => setTimeout(resolve, 50))
      // It holds the mapping and says so before it has subscribed.
      await new Promise((resolve) => setTimeout(resolve, 500))
      await subject.fill(two, count)
    }
    await product.done
  }
  return { perSecond: product.perSecond, barePerSecond: bare.perSecond, ratio: product.perSecond / bare.perSecond }
}

async function pollerOn(link: NatsLink, subject: Subject, catalogue: TestCatalogue, meter: Meter) {
  const links = { reader: async () => link, publisher: async () => link }
  const jetstream = natsMappingSources({ links, clock, log })
  const poller = await startPoller(
    { ...pollerDefaults, readWaitMs: 1_000, spreadMs: 0 },
    {
      catalogue,
      mappingStore: catalogue,
      sources: sourcesByService({ jetstream, ...subject.sources }),
      leases: await openMappingLeases({ link, clock, log, instanceId: randomUUID() }),
      deadBatches: natsDeadBatches(link),
      targets: natsTargets(links),
      invoker: {
        async invoke({ payload }: InvokeCall) {
          meter.took(new TextDecoder().decode(payload).match(record)?.length ?? 0)
          return success
        },
      },
      facts: { record: () => {}, log: () => {}, flush: async () => {} },
      clock,
      log,
    },
  )
  return {
    held: () => poller.held(),
    async [Symbol.asyncDispose]() {
      await poller[Symbol.asyncDispose]()
      jetstream[Symbol.dispose]()
    },
  }
}
