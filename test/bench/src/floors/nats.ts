import { setTimeout as wait } from 'node:timers/promises'
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startNatsServer } from '@weft/kit'
import { type Bed, type BedOptions, type Case, type Sample, scaled } from '../core/case.ts'
import { startServer } from '../core/child.ts'
import { closedLoop, warmClosedLoop } from '../core/closed-loop.ts'
import { quantile } from '../core/statistics.ts'
import { payload } from '../load/payload.ts'

const kibibyte = new Uint8Array(1_024).fill(120)
/** Events per second at which latency is taken; far below what any of the systems can do. */
export const eventRate = 200

/** NATS request and reply; JetStream publish, publish to handler, and consume. Files are synced as the server does by default. */
export async function natsFloors(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const server = stack.use(await startNatsServer())
    const connection = await connect({ servers: server.url, noAsyncTraces: true })
    stack.defer(() => connection.close())
    const jsm = await jetstreamManager(connection)
    const js = jetstream(connection)
    for (const name of ['publish', 'latency', 'consume'])
      await jsm.streams.add({ name, subjects: [`${name}.>`], storage: StorageType.File })
    stack.use(await startServer('nats-echo', server.url))
    stack.use(await startServer('js-latency', server.url, 'latency'))
    stack.use(await startServer('js-consume', server.url, 'consume'))

    const floor = (id: string, title: string, measure: () => Promise<Sample>): Case => ({
      id: `floor.${id}`,
      title,
      group: 'floor',
      measure,
    })
    const request = async (): Promise<void> => {
      await connection.request('bench.echo', payload, { timeout: 10_000 })
    }
    const publish = async (): Promise<void> => {
      await js.publish('publish.event', kibibyte)
    }
    const consume = async (): Promise<Sample> => {
      const count = scaled(20_000, options, 500)
      await closedLoop(256, count, async () => {
        await js.publish('consume.event', kibibyte)
      })
      const answer = await connection.request('bench.consume', String(count), { timeout: 60_000 })
      return { perSecond: (count / Number(answer.string())) * 1_000 }
    }
    const latency = async (): Promise<Sample> => {
      const count = scaled(400, options, 20)
      const taken = new Float64Array(count)
      const subscription = connection.subscribe('bench.handled', { max: count })
      await connection.flush()
      const read = (async () => {
        let n = 0
        for await (const message of subscription) taken[n++] = Number(message.string())
      })()
      await atRate(count, async () => {
        await js.publish('latency.event', String(performance.timeOrigin + performance.now()))
      })
      await read
      taken.sort()
      return { p50Ms: quantile(taken, 0.5), p99Ms: quantile(taken, 0.99) }
    }
    return {
      cases: [
        floor('nats.c1', 'NATS request and reply, 1 client', () => warmClosedLoop(1, scaled(1_500, options), request)),
        floor('nats.c16', 'NATS request and reply, 16 clients', () =>
          warmClosedLoop(16, scaled(6_000, options, 64), request),
        ),
        floor('js-publish.c1', 'JetStream publish and ack, 1 KiB, 1 at a time', () =>
          warmClosedLoop(1, scaled(1_500, options), publish),
        ),
        floor('js-publish.c256', 'JetStream publish and ack, 1 KiB, 256 in flight', () =>
          warmClosedLoop(256, scaled(10_000, options, 512), publish),
        ),
        floor('js-latency', `JetStream publish to handler, ${eventRate} per second`, latency),
        floor('js-consume', 'JetStream consume and ack, 1 KiB', consume),
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** Starts `count` calls at the event rate, whatever each takes, and waits for all. */
export async function atRate(count: number, call: (n: number) => Promise<void>): Promise<void> {
  const startedMs = performance.now()
  const calls: Promise<void>[] = []
  for (let n = 0; n < count; n++) {
    const dueMs = startedMs + (n * 1_000) / eventRate
    const aheadMs = dueMs - performance.now()
    if (aheadMs > 0) await wait(aheadMs)
    calls.push(call(n))
  }
  await Promise.all(calls)
}
