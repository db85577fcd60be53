import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { startServer } from '../core/child.ts'
import { httpRequest } from '../load/http-connection.ts'
import { httpLoad } from '../load/http-load.ts'
import { payload } from '../load/payload.ts'

const request = httpRequest('POST', '/', { host: '127.0.0.1', 'content-type': 'application/json' }, payload)

/** Both settings that every HTTP server is measured at. */
const both = (id: string, title: string, port: number, options: BedOptions): Case[] =>
  [
    { clients: 1, count: scaled(2_000, options) },
    { clients: 16, count: scaled(8_000, options, 64) },
  ].map(({ clients, count }) => ({
    id: `floor.${id}.c${clients}`,
    title: `${title}, ${clients === 1 ? '1 client' : `${clients} clients`}`,
    group: 'floor' as const,
    measure: () => httpLoad(port, clients, count, () => request),
  }))

/** node:http echo; HTTP → HTTP → process; HTTP → batched gRPC stream → framed unix socket → process. */
export async function httpFloors(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const dir = await mkdtemp(join(tmpdir(), 'weft-bench-'))
    stack.defer(() => rm(dir, { recursive: true, force: true }))
    const start = async (name: string, ...args: string[]): Promise<number> =>
      Number(stack.use(await startServer(name, ...args)).hello.port)

    const echo = await start('http-echo')
    const proxy = await start('proxy-front', String(await start('http-echo')))
    const processes = ['a', 'b'].map((name) => join(dir, `${name}.sock`))
    for (const path of processes) await start('chain-process', path)
    const chain = await start('chain-front', String(await start('chain-worker', ...processes)))
    return {
      cases: [
        ...both('http-echo', 'node:http echo', echo, options),
        ...both('proxy', 'bare proxy chain (HTTP → process)', proxy, options),
        ...both('chain', 'bare chain (front → worker → process)', chain, options),
      ],
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
