import { setTimeout as wait } from 'node:timers/promises'
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { FabricClient } from '@weft/cli'
import { accountId, type FabricConnection, functionName, streamArn, subjects } from '@weft/contracts'
import { type Bed, type BedOptions, type Case, type Sample, scaled } from '../core/case.ts'
import { closedLoop } from '../core/closed-loop.ts'
import { quantile } from '../core/statistics.ts'
import { atRate, eventRate } from '../floors/nats.ts'
import { lambda } from './functions.ts'

const doneWithinMs = 180_000
const epochMs = (): number => performance.timeOrigin + performance.now()

/** Lines `WORD A B` that a function of the benchmark has logged since `sinceMs`. */
async function stamps(client: FabricClient, name: string, word: string, sinceMs: number): Promise<[string, number][]> {
  const events = await client.logEvents(`/aws/lambda/${name}`, Math.floor(sinceMs))
  if (!events.ok) {
    if (events.error.code === 'ResourceNotFoundException') return []
    throw new Error(`the log of ${name}: ${events.error.code} ${events.error.message}`)
  }
  const pattern = new RegExp(`\\b${word} (\\S+) ([\\d.]+)`)
  return events.value.flatMap(({ message }) => {
    const found = pattern.exec(message)
    return found ? [[found[1] as string, Number(found[2])] as [string, number]] : []
  })
}

async function until<T>(what: string, look: () => Promise<T | undefined>, everyMs: number): Promise<T> {
  for (const deadlineMs = performance.now() + doneWithinMs; ; await wait(everyMs)) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${doneWithinMs / 1_000} s`)
  }
}

/** Runs of a function so far, from the Prometheus page. */
async function runsOf(client: FabricClient, name: string): Promise<number> {
  const page = await client.get('/metrics')
  if (!page.ok || page.value.status !== 200) throw new Error('/metrics does not answer')
  const pattern = new RegExp(`^weft_invocations_total\\{[^}]*function="${name}"[^}]*\\} (\\d+)`, 'm')
  return Number(pattern.exec(page.value.body.toString('utf8'))?.[1] ?? 0)
}

export interface EventFunctions {
  readonly stamp: string
  readonly sink: string
  readonly batch: string
}

/** Events and stream records: acceptance, latency to the handler, drain, and the poller's throughput. */
export function eventBed(
  client: FabricClient,
  connection: FabricConnection,
  nats: NatsConnection,
  names: EventFunctions,
  options: BedOptions,
): Bed {
  const account = accountId(connection.accountId)
  const subjectOf = (name: string): string => subjects.event(account, functionName(name))
  const publish = async (subject: string, body: string): Promise<void> => {
    const ack = (await nats.request(subject, body, { timeout: 30_000 })).json<{ error?: { description: string } }>()
    if (ack.error) throw new Error(`an event was not accepted: ${ack.error.description}`)
  }
  const product = (id: string, title: string, measure: () => Promise<Sample>): Case => ({
    id: `product.${id}`,
    title,
    group: 'product',
    measure,
  })

  let marks = 0
  const latency = async (): Promise<Sample> => {
    const count = scaled(400, options, 20)
    const round = `r${++marks}`
    const publishedAt = new Map<string, number>()
    const sinceMs = epochMs() - 1_000
    await atRate(count, async (n) => {
      const mark = `${round}-${n}`
      publishedAt.set(mark, epochMs())
      await publish(subjectOf(names.stamp), JSON.stringify({ mark }))
    })
    const lines = await until(
      'the events that were published reached their handler',
      async () => {
        const found = (await stamps(client, names.stamp, 'stamp', sinceMs)).filter(([mark]) => publishedAt.has(mark))
        // An event may run twice; its first run counts.
        const first = new Map(found.reverse())
        return first.size === count ? first : undefined
      },
      200,
    )
    const taken = Float64Array.from(lines, ([mark, atMs]) => atMs - (publishedAt.get(mark) ?? Number.NaN)).sort()
    return { p50Ms: quantile(taken, 0.5), p99Ms: quantile(taken, 0.99) }
  }

  const acceptAndDrain = async (): Promise<Sample> => {
    const count = scaled(20_000, options, 200)
    const before = await runsOf(client, names.sink)
    const startedMs = performance.now()
    const accepted = await closedLoop(256, count, () => publish(subjectOf(names.sink), '{}'))
    await until(
      `${count} events drained`,
      async () => ((await runsOf(client, names.sink)) - before >= count ? true : undefined),
      50,
    )
    const elapsedMs = performance.now() - startedMs
    return { acceptedPerSecond: accepted.perSecond ?? Number.NaN, perSecond: (count / elapsedMs) * 1_000 }
  }

  const poll = async (): Promise<Sample> => {
    const count = scaled(20_000, options, 500)
    const stream = `bench-${++marks}`
    const jsm = await jetstreamManager(nats)
    const js = jetstream(nats)
    await jsm.streams.add({ name: stream, subjects: [`${stream}.>`], storage: StorageType.File })
    const record = new Uint8Array(1_024).fill(120)
    await closedLoop(256, count, async () => {
      await js.publish(`${stream}.record`, record)
    })
    const sinceMs = epochMs() - 1_000
    const created = await lambda(client, 'POST', '/2015-03-31/event-source-mappings', {
      EventSourceArn: streamArn(connection.region, account, stream),
      FunctionName: names.batch,
      BatchSize: 100,
      StartingPosition: 'TRIM_HORIZON',
    })
    const { UUID } = JSON.parse(created.body.toString('utf8')) as { UUID: string }
    const batches = await until(
      `${count} records polled`,
      async () => {
        const lines = (await stamps(client, names.batch, 'batch', sinceMs)).map(
          ([n, atMs]) => [Number(n), atMs] as const,
        )
        return lines.reduce((sum, [n]) => sum + n, 0) >= count ? lines : undefined
      },
      200,
    )
    await lambda(client, 'DELETE', `/2015-03-31/event-source-mappings/${UUID}`)
    await jsm.streams.delete(stream)
    // From the first batch to the last, of which only the beginnings are known: the last one's records are left out.
    const times = batches.toSorted((a, b) => a[1] - b[1])
    const [first, last] = [times[0], times.at(-1)]
    if (!first || !last || first === last) throw new Error('too few batches to take a rate')
    const handled = times.slice(0, -1).reduce((sum, [n]) => sum + n, 0)
    return { perSecond: (handled / (last[1] - first[1])) * 1_000 }
  }

  return {
    cases: [
      product('event-latency', `Weft event to first line of its handler, ${eventRate} per second`, latency),
      product('event-drain', 'Weft events, accept to last handled', acceptAndDrain),
      product('poller', 'Weft event source mapping, 1 KiB, batches of 100', poll),
    ],
    async [Symbol.asyncDispose]() {},
  }
}
