import { buckets, consumers, type EventEndRecord, newRequestId, streams } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { ensureAccount, ensureFabric, type NatsLink, natsEventAcceptor, openLink } from '@weft/nats'
import { systemClock as clock, delay, silentLogger as log } from '@weft/platform'
import { account, holdMs, mapping, name, ordersStream } from './fabric.ts'
import { Instances } from './instances.ts'
import { Ledger, type Verdict } from './ledger.ts'
import { type PlanName, planNames, plans } from './plans.ts'

/** A whole number from 0 up to, not including, the bound. */
export type Draw = (below: number) => number

export interface ChaosOptions {
  readonly events: number
  readonly records: number
  readonly faults: number
  readonly instances: number
  readonly random: Draw
  readonly tell: (line: string) => void
}

export interface ChaosReport {
  readonly events: Verdict
  readonly records: RecordsVerdict
  readonly faults: Readonly<Record<string, number>>
  readonly seconds: number
}

export interface RecordsVerdict {
  readonly published: number
  /** Never run. */
  readonly lost: number
  /** First runs that came before the first run of an earlier record. */
  readonly outOfOrder: number
  readonly duplicateRuns: number
}

/**
 * Accepts events and publishes records while instances are killed and paused and the bus is killed, restarted and paused;
 * then waits until all is worked off and reads the ledger.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { tell } = options
  const startedAtMs = clock.monotonic()
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startNatsServer())
  const link = stack.use(await openLink({ servers: [server.url], name: 'chaos', log, timeoutMs: 1_000 }))
  await prepare(link)
  const ledger = new Ledger<PlanName>(plans)
  const recordRuns = new Map<number, number>()
  const firstRuns: number[] = []
  const instances = stack.use(
    new Instances(server.url, ({ source, runs }) => {
      for (const { id, plan } of runs) {
        if (source === 'event') {
          ledger.ran(id, plan)
          continue
        }
        const number = Number(id)
        if (!recordRuns.has(number)) firstRuns.push(number)
        recordRuns.set(number, (recordRuns.get(number) ?? 0) + 1)
      }
    }),
  )
  await instances.start(options.instances)
  tell(`${options.instances} instances run on ${server.url}`)

  let feeding = true
  const fed = feed(link, ledger, options).finally(() => {
    feeding = false
  })
  const faults = await injectFaults(server, instances, options, () => feeding)
  await fed
  tell('all is accepted; waiting until it is worked off')
  await workedOff(link, options.records)

  for (const { requestId, condition } of await endsOf(link)) ledger.ended(requestId, condition)
  const records: RecordsVerdict = {
    published: options.records,
    lost: options.records - recordRuns.size,
    outOfOrder: firstRuns.filter((one, index) => index > 0 && one < (firstRuns[index - 1] as number)).length,
    duplicateRuns: [...recordRuns.values()].reduce((sum, runs) => sum + runs - 1, 0),
  }
  return { events: ledger.verdict(), records, faults, seconds: (clock.monotonic() - startedAtMs) / 1_000 }
}

async function prepare(link: NatsLink): Promise<void> {
  const storage = { replicas: 1, storageBytes: 4 * 1024 ** 3 } as const
  await ensureFabric(link, storage)
  await ensureAccount(link, account, storage)
  const leases = (await link.jsm.streams.info(`KV_${buckets.mappingLeases}`)).config
  await link.jsm.streams.update(leases.name, { ...leases, max_age: holdMs * 1e6, duplicate_window: 1e9 })
  await link.jsm.streams.add({ name: ordersStream, subjects: ['orders.>'] })
}

/** What a fault takes with the pause after it, about. */
const faultMs = 1_500

/** Accepts until the store says so, whatever happens meanwhile; each under one id. */
async function feed(
  link: NatsLink,
  ledger: Ledger<PlanName>,
  { events, records, random, faults }: ChaosOptions,
): Promise<void> {
  const acceptor = natsEventAcceptor({ link, log, patience: { budgetMs: 2_000, timeoutMs: 1_000 } })
  const planOf = (): PlanName => planNames[random(planNames.length)] as PlanName
  const encode = (id: string, plan: PlanName) => new TextEncoder().encode(JSON.stringify({ id, plan }))
  // Spread over the time that the faults take, so that each of them finds work under way.
  const feeders = 8
  const paceMs = Math.floor((faults * faultMs * feeders) / Math.max(1, events))
  const feedEvents = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const requestId = newRequestId()
      const plan = planOf()
      const event = {
        requestId,
        accountId: account,
        functionName: name,
        payload: encode(requestId, plan),
        acceptedAtMs: clock.now(),
      }
      while (!(await acceptor.accept(event)).ok) await delay(clock, 100)
      ledger.accepted(requestId, plan)
      await delay(clock, random(2 * paceMs + 1))
    }
  }
  const feedRecords = async (): Promise<void> => {
    for (let n = 1; n <= records; n++) {
      const payload = encode(`${n}`, random(20) === 0 ? 'fail once' : 'ok')
      const publish = () => link.js.publish(`orders.${n % 7}`, payload, { msgID: `record-${n}`, timeout: 1_000 })
      while (
        !(await publish().then(
          () => true,
          () => false,
        ))
      )
        await delay(clock, 100)
      await delay(clock, random(Math.floor((2 * faults * faultMs) / records) + 1))
    }
  }
  const share = Math.floor(events / feeders)
  const shares = Array.from({ length: feeders }, (_, n) => (n === 0 ? events - share * (feeders - 1) : share))
  await Promise.all([...shares.map(feedEvents), feedRecords()])
}

type Fault = readonly [name: string, act: (server: TestNatsServer, instances: Instances, random: Draw) => Promise<void>]

const kinds: readonly Fault[] = [
  ['kill -9 an instance', (_, instances, random) => instances.kill(random(instances.size))],
  [
    'pause an instance beyond its hold',
    (_, instances, random) => paused(instances, random(instances.size), holdMs + 1_000),
  ],
  ['pause an instance', (_, instances, random) => paused(instances, random(instances.size), 500)],
  ['kill -9 the bus and start it again', (server) => server.restart()],
  [
    'pause the bus',
    async (server) => {
      await server.kill('SIGSTOP')
      await delay(clock, 700)
      await server.kill('SIGCONT')
    },
  ],
]

async function paused(instances: Instances, index: number, forMs: number): Promise<void> {
  instances.signal(index, 'SIGSTOP')
  await delay(clock, forMs)
  instances.signal(index, 'SIGCONT')
}

async function injectFaults(
  server: TestNatsServer,
  instances: Instances,
  { faults, random, tell }: ChaosOptions,
  feeding: () => boolean,
): Promise<Record<string, number>> {
  const injected: Record<string, number> = {}
  for (let n = 1; n <= faults; n++) {
    const [what, act] = kinds[random(kinds.length)] as Fault
    if (n % 20 === 0 || !feeding()) tell(`fault ${n} of ${faults}: ${what}`)
    await act(server, instances, random)
    injected[what] = (injected[what] ?? 0) + 1
    await delay(clock, 200 + random(600))
  }
  return injected
}

/** Resolves when no event waits and every record is settled. */
async function workedOff(link: NatsLink, records: number): Promise<void> {
  for (;;) {
    const left = await leftOf(link, records).catch(() => 1)
    if (left === 0) return
    await delay(clock, 250)
  }
}

async function leftOf({ jsm }: NatsLink, records: number): Promise<number> {
  const events = (await jsm.streams.info(streams.events(account))).state.messages
  const retries = (await jsm.streams.info(streams.retries)).state.messages
  const position =
    records === 0 ? 0 : (await jsm.consumers.info(ordersStream, consumers.mapping(mapping.uuid))).ack_floor
  return events + retries + (position === 0 ? 0 : records - position.stream_seq)
}

async function endsOf(link: NatsLink): Promise<readonly EventEndRecord[]> {
  const { state } = await link.jsm.streams.info(streams.records)
  const ends: EventEndRecord[] = []
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await link.jsm.streams.getMessage(streams.records, { seq })
    if (message) ends.push(message.json<EventEndRecord>())
  }
  return ends
}
