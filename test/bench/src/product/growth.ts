import { readFile } from 'node:fs/promises'
import { jetstreamManager, StorageType } from '@nats-io/jetstream'
import { connect, credsAuthenticator } from '@nats-io/transport-node'
import { FabricClient } from '@weft/cli'
import { accountId, type FabricConnection, streamArn } from '@weft/contracts'
import { startFabric } from '@weft/kit'
import { type Bed, type BedOptions, type Case, type Sample, scaled } from '../core/case.ts'
import { closedLoop } from '../core/closed-loop.ts'
import { usageOf } from '../core/process-usage.ts'
import { httpLoad } from '../load/http-load.ts'
import { payload } from '../load/payload.ts'
import { signedInvoke } from '../load/signed-invoke.ts'
import { createFunction, lambda } from './functions.ts'

/** The least that a function may have: what grows is their number. */
const smallMb = 128
/** Promised to sandboxes, far more than any host of this benchmark has: they stand idle. */
const promisedMb = 1_000_000
const makers = 16

interface Grown extends AsyncDisposable {
  readonly client: FabricClient
  readonly connection: FabricConnection
  readonly pid: number
}

/**
 * What a warm call costs when there is one of a thing, and when there are many: each measurement starts a fabric of its
 * own, so that one growth does not weigh on the other.
 */
export const startGrowth = async (options: BedOptions): Promise<Bed> => {
  const growth = (id: string, title: string, grow: (fabric: Grown) => Promise<number>): Case => ({
    id: `growth.${id}`,
    title: `Weft, warm REST call with many ${title}`,
    group: 'product',
    measure: async () => {
      await using fabric = await startGrown()
      const { client, connection, pid } = fabric
      await createFunction(client, connection, 'node', 'bench-echo')
      const request = signedInvoke(connection, 'bench-echo', payload)
      const port = Number(new URL(connection.http).port)
      const calls = scaled(4_000, options, 200)
      const cost = async (): Promise<{ p50Us: number; cpuUs: number }> => {
        const before = usageOf(pid)
        const { p50Us = Number.NaN } = await httpLoad(port, 1, calls, () => request())
        // The load warms up with a tenth as many calls.
        return { p50Us, cpuUs: ((usageOf(pid).cpuMs - before.cpuMs) * 1_000) / (calls * 1.1) }
      }
      // Code is compiled and the first batches have left: what is compared is the same warm call.
      await cost()
      const before = await cost()
      const count = await grow(fabric)
      await cost()
      const after = await cost()
      return sampleOf(count, before, after)
    },
  })
  return {
    cases: [
      growth('functions', 'functions', (fabric) => makeFunctions(fabric, scaled(10_000, options, 100))),
      growth('sandboxes', 'sandboxes', (fabric) => makeSandboxes(fabric, scaled(1_000, options, 10))),
      growth('mappings', 'event source mappings', (fabric) => makeMappings(fabric, scaled(1_000, options, 10))),
    ],
    async [Symbol.asyncDispose]() {},
  }
}

const sampleOf = (
  count: number,
  before: { p50Us: number; cpuUs: number },
  after: { p50Us: number; cpuUs: number },
): Sample => ({
  count,
  ...{ p50Us: after.p50Us, firstP50Us: before.p50Us },
  ...{ cpuUs: after.cpuUs, firstCpuUs: before.cpuUs },
})

async function startGrown(): Promise<Grown> {
  const stack = new AsyncDisposableStack()
  try {
    const fabric = stack.use(await startFabric({ args: ['--memory-mb', `${promisedMb}`] }))
    const { connection, pid } = fabric
    const client = stack.use(new FabricClient(connection))
    return { client, connection, pid, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function makeFunctions({ client, connection }: Grown, count: number): Promise<number> {
  await closedLoop(
    makers,
    count,
    numbered((n) => createFunction(client, connection, 'sink', `bench-${n}`, smallMb)),
  )
  return count
}

/** One warm sandbox of each of as many functions. */
async function makeSandboxes(fabric: Grown, count: number): Promise<number> {
  await makeFunctions(fabric, count)
  await closedLoop(
    2,
    count,
    numbered(async (n) => {
      const called = await fabric.client.invoke(`bench-${n}`, '{}')
      if (!called.ok) throw new Error(`bench-${n}: ${called.error.code}: ${called.error.message}`)
    }),
  )
  return count
}

/** Mappings of streams in which nothing happens. */
async function makeMappings({ client, connection }: Grown, count: number): Promise<number> {
  const authenticator = credsAuthenticator(await readFile(connection.natsCreds))
  const nats = await connect({ servers: connection.nats, authenticator, noAsyncTraces: true })
  try {
    const jsm = await jetstreamManager(nats)
    await createFunction(client, connection, 'sink', 'bench-sink', smallMb)
    await closedLoop(
      makers,
      count,
      numbered(async (n) => {
        const name = `bench-${n}`
        await jsm.streams.add({ name, subjects: [`${name}.>`], storage: StorageType.File })
        await lambda(client, 'POST', '/2015-03-31/event-source-mappings', {
          EventSourceArn: streamArn(connection.region, accountId(connection.accountId), name),
          FunctionName: 'bench-sink',
          StartingPosition: 'TRIM_HORIZON',
        })
      }),
    )
    return count
  } finally {
    await nats.close()
  }
}

/** Calls `make` with 1, 2, 3 …, whoever calls. */
const numbered = (make: (n: number) => Promise<void>): (() => Promise<void>) => {
  let n = 0
  return () => make(++n)
}
