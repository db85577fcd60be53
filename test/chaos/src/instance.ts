/**
 * A process that is killed and paused: async-queue and a poller over a real bus, whose functions do what their payload
 * plans. Tells its parent of every run, and when it is ready.
 */
import { asyncQueueDefaults, startAsyncQueue } from '@weft/async-queue-service'
import type { InvokeCall, InvokeOutcome } from '@weft/contracts'
import {
  natsBusPublisher,
  natsDeadBatches,
  natsEventAcceptor,
  natsEventInbox,
  natsMappingSources,
  natsTargets,
  openInvocationBook,
  openLink,
  openMappingLeases,
  openObjectStore,
} from '@weft/nats'
import { systemClock as clock, delay, silentLogger as log } from '@weft/platform'
import { pollerDefaults, startPoller } from '@weft/poller-service'
import { holdMs, catalogue as makeCatalogue, region } from './fabric.ts'
import { outcomeOf, type Planned, plans } from './plans.ts'

export interface RunMessage {
  readonly kind: 'run'
  readonly source: 'event' | 'record'
  readonly runs: readonly Planned[]
}

const [url = '', instanceId = ''] = process.argv.slice(2)
const tell = (message: object): void => void process.send?.(message)
process.once('disconnect', () => process.exit(0))

const tries = new Map<string, number>()

async function runEvent(call: InvokeCall): Promise<InvokeOutcome> {
  const planned = JSON.parse(new TextDecoder().decode(call.payload)) as Planned
  const count = (tries.get(planned.id) ?? 0) + 1
  tries.set(planned.id, count)
  const step = plans[planned.plan].run(call.attempt, count)
  if (step !== 'throttle') tell({ kind: 'run', source: 'event', runs: [planned] } satisfies RunMessage)
  const { outcome, waitMs } = outcomeOf(step)
  await delay(clock, waitMs)
  return outcome
}

interface StreamEvent {
  readonly Records: readonly { readonly jetstream: { readonly data: string } }[]
}

async function runRecords(call: InvokeCall): Promise<InvokeOutcome> {
  const { Records } = JSON.parse(new TextDecoder().decode(call.payload)) as StreamEvent
  const runs = Records.map((record) => JSON.parse(Buffer.from(record.jetstream.data, 'base64').toString()) as Planned)
  const failing = runs.some(({ plan }) => plan !== 'ok' && plan !== 'slow') && call.attempt === 1
  // A batch that fails as planned is repeated as planned.
  if (!failing) tell({ kind: 'run', source: 'record', runs } satisfies RunMessage)
  const { outcome, waitMs } = outcomeOf(failing ? 'fail' : 'ok')
  await delay(clock, waitMs)
  return outcome
}

const catalogue = makeCatalogue()
const link = await openLink({ servers: [url], name: instanceId, log, timeoutMs: 1_000 })
const links = { reader: async () => link, publisher: async () => link }
const facts = { record: () => {}, log: () => {}, flush: async () => {} }
const invoker = { invoke: (call: InvokeCall) => (call.source === 'event' ? runEvent(call) : runRecords(call)) }
const targets = natsTargets(links)
const shared = { catalogue, invoker, targets, facts, clock, log }
await startAsyncQueue(
  {
    ...asyncQueueDefaults,
    region,
    retry: { ...asyncQueueDefaults.retry, retryDelaysMs: [300, 600], backoffMs: { first: 100, most: 1_000 } },
  },
  {
    ...shared,
    inbox: natsEventInbox({ link, clock, log, holdMs, pullWaitMs: 1_000 }),
    events: natsEventAcceptor({ link, log }),
    book: openInvocationBook(link, clock),
    buses: natsBusPublisher(link),
    buckets: openObjectStore(link),
  },
)
await startPoller(
  { ...pollerDefaults, region, backoffMs: { first: 50, most: 500 }, readWaitMs: 1_000, retryMs: 300 },
  {
    ...shared,
    mappingStore: catalogue.stores.mappings,
    sources: natsMappingSources({ links, clock, log, holdMs }),
    leases: await openMappingLeases({ link, clock, log, instanceId }),
    deadBatches: natsDeadBatches(link),
  },
)
tell({ kind: 'ready' })
