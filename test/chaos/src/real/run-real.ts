import { setTimeout as wait } from 'node:timers/promises'
import { consumers, type FabricRecord, streamArn, streams } from '@weft/contracts'
import { Ledger, type Verdict } from '../ledger.ts'
import { type LocalCluster, startLocalCluster } from './cluster.ts'
import { FaultLog, injectFaults } from './faults.ts'
import { createFunction, lambda } from './functions.ts'
import { eventHandler, type RealPlan, realPlanNames, realPlans, recordHandler, retrySeconds } from './plans.ts'

export interface RealOptions {
  readonly events: number
  readonly records: number
  readonly faults: number
  /** A whole number from 0 up to, not including, the bound. */
  readonly random: (below: number) => number
  readonly tell: (line: string) => void
}

export interface RealReport {
  readonly events: Verdict
  /** Events that did not end once and as planned. */
  readonly odd: readonly string[]
  /** Of the duplicate runs, those that began in no fault's window. */
  readonly duplicatesOutside: number
  readonly records: {
    readonly published: number
    /** Behind the position of the mapping at the end. */
    readonly lost: number
    /** Poisoned records that are not kept as dead, and others that are. */
    readonly wronglyDead: number
  }
  readonly faults: Readonly<Record<string, number>>
  readonly seconds: number
}

const eventFunction = 'chaos-events'
const recordFunction = 'chaos-records'
const ordersStream = 'ORDERS'
const feeders = 8
const tellEveryMs = 10_000
/** What a fault takes with the pause after it, about. */
const faultMs = 2_500

/**
 * Accepts events and publishes records through the doors while every service, its sandboxes and the bus are killed and
 * paused; waits until all is worked off, and reads the ledger from the fabric's own records.
 */
export async function runReal(options: RealOptions): Promise<RealReport> {
  const { tell } = options
  const startedAtMs = performance.now()
  await using cluster = await startLocalCluster(retrySeconds)
  await createFunction(cluster.doors, cluster.connection, eventFunction, eventHandler, 5)
  await createFunction(cluster.doors, cluster.connection, recordFunction, recordHandler, 10)
  await cluster.owner.jsm.streams.add({ name: ordersStream, subjects: ['orders'] })
  const mappingId = await createMapping(cluster)
  tell(`${cluster.processes.map(({ name }) => name).join(', ')} run on ${cluster.bus.url}`)

  const ledger = new Ledger<RealPlan>(realPlans)
  const log = new FaultLog()
  let feeding = true
  const fed = feed(cluster, ledger, options).finally(() => {
    feeding = false
  })
  await injectFaults(cluster, log, options, () => feeding)
  const poison = await fed
  tell('all is accepted; waiting until it is worked off')
  await workedOff(cluster, options.records, mappingId, tell)

  const runs = new Map<string, number[]>()
  const deadRecords = await deadCount(cluster, mappingId)
  for await (const record of recordsOf(cluster)) {
    if (record.type === 'event-end') ledger.ended(record.requestId, record.condition)
    if (record.type !== 'invocation' || record.functionName !== eventFunction) continue
    const plan = ledger.planOf(record.requestId)
    if (plan === undefined) continue
    ledger.ran(record.requestId, plan)
    runs.set(record.requestId, [...(runs.get(record.requestId) ?? []), record.startedAtMs])
  }
  const position = (await cluster.owner.jsm.consumers.info(ordersStream, consumers.mapping(mappingId))).ack_floor
  return {
    events: ledger.verdict(),
    odd: ledger.odd(),
    duplicatesOutside: outsideOf(runs, ledger, log),
    records: {
      published: options.records,
      lost: options.records - position.stream_seq,
      wronglyDead: Math.abs(deadRecords - poison),
    },
    faults: log.counts(),
    seconds: (performance.now() - startedAtMs) / 1_000,
  }
}

async function createMapping({ doors, connection }: LocalCluster): Promise<string> {
  const created = await lambda(doors, 'POST', '/2015-03-31/event-source-mappings', {
    EventSourceArn: streamArn(connection.region, connection.accountId as never, ordersStream),
    FunctionName: recordFunction,
    BatchSize: 10,
    StartingPosition: 'TRIM_HORIZON',
    BisectBatchOnFunctionError: true,
    MaximumRetryAttempts: 1,
  })
  return (JSON.parse(created.body.toString('utf8')) as { UUID: string }).UUID
}

/** Resolves with the number of poisoned records. */
async function feed(
  { doors, owner }: LocalCluster,
  ledger: Ledger<RealPlan>,
  { events, records, random, faults }: RealOptions,
): Promise<number> {
  // Spread over the time that the faults take, so that each of them finds work under way.
  const paceMs = Math.floor((faults * faultMs * feeders) / Math.max(1, events))
  const feedEvents = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const plan = realPlanNames[random(realPlanNames.length)] as RealPlan
      for (;;) {
        const door = doors[random(doors.length)]
        const accepted = await door?.invoke(eventFunction, JSON.stringify({ plan, atMs: Date.now() }), {
          type: 'Event',
        })
        // What was not answered may run all the same: it was not promised, and the next try is another event.
        if (accepted?.ok) {
          ledger.accepted(accepted.value.requestId, plan)
          break
        }
        await wait(100)
      }
      await wait(random(2 * paceMs + 1))
    }
  }
  let poisoned = 0
  const feedRecords = async (): Promise<void> => {
    for (let n = 1; n <= records; n++) {
      const poison = random(20) === 0
      if (poison) poisoned++
      const publish = () =>
        owner.js.publish('orders', JSON.stringify({ n, poison }), { msgID: `record-${n}`, timeout: 1_000 }).then(
          () => true,
          () => false,
        )
      while (!(await publish())) await wait(100)
      await wait(random(Math.floor((2 * faults * faultMs) / records) + 1))
    }
  }
  const share = Math.floor(events / feeders)
  const shares = Array.from({ length: feeders }, (_, n) => (n === 0 ? events - share * (feeders - 1) : share))
  await Promise.all([...shares.map(feedEvents), feedRecords()])
  return poisoned
}

/** Resolves when no event waits and every record is settled. */
async function workedOff(
  { owner, admin, connection }: LocalCluster,
  records: number,
  mappingId: string,
  tell: (line: string) => void,
): Promise<void> {
  for (let toldMs = performance.now(); ; await wait(250)) {
    const left = await (async () => {
      const events = (await admin.jsm.streams.info(streams.events(connection.accountId as never))).state.messages
      const retries = (await admin.jsm.streams.info(streams.retries)).state.messages
      const position = (await owner.jsm.consumers.info(ordersStream, consumers.mapping(mappingId))).ack_floor
      return { events, retries, records: records - position.stream_seq }
    })().catch((error: unknown) => `${error}`)
    if (typeof left !== 'string' && left.events + left.retries + left.records === 0) return
    if (performance.now() - toldMs < tellEveryMs) continue
    toldMs = performance.now()
    tell(`waiting: ${typeof left === 'string' ? left : JSON.stringify(left)}`)
  }
}

async function* recordsOf({ admin }: LocalCluster): AsyncIterable<FabricRecord> {
  // Facts leave in batches: the last ones a moment after the last event.
  await wait(3_000)
  const { state } = await admin.jsm.streams.info(streams.records)
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await admin.jsm.streams.getMessage(streams.records, { seq })
    for (const line of message?.string().split('\n') ?? []) if (line !== '') yield JSON.parse(line) as FabricRecord
  }
}

/** Records that are kept as dead of the mapping: one in each message, as halving leaves the poisoned one alone. */
async function deadCount({ admin }: LocalCluster, mappingId: string): Promise<number> {
  const { state } = await admin.jsm.streams.info(streams.dead)
  const dead = new Set<string>()
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await admin.jsm.streams.getMessage(streams.dead, { seq })
    if (message?.header.get('Weft-Mapping') !== mappingId) continue
    const { JetStreamBatchInfo: info } = message.json<{ JetStreamBatchInfo: { startSequenceNumber: string } }>()
    dead.add(info.startSequenceNumber)
  }
  return dead.size
}

/** Runs above those of the plan that no fault explains: neither they nor the run before began in a fault's window. */
function outsideOf(runs: ReadonlyMap<string, readonly number[]>, ledger: Ledger<RealPlan>, log: FaultLog): number {
  let outside = 0
  for (const [id, starts] of runs) {
    const plan = ledger.planOf(id)
    const most = plan === undefined ? starts.length : realPlans[plan].runs
    if (starts.length <= most) continue
    if (!starts.some((at) => log.covers(at))) outside += starts.length - most
  }
  return outside
}
