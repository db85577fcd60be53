import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { FabricClient } from '@weft/cli'
import type { FabricConnection } from '@weft/contracts'
import { startFabric } from '@weft/kit'
import { detectRuntimes } from '@weft/runtimes'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { oneByOne, warmClosedLoop } from '../core/closed-loop.ts'
import { HttpConnection } from '../load/http-connection.ts'
import { signedInvoke } from '../load/signed-invoke.ts'
import { createPackage, deleteFunction } from '../product/functions.ts'
import { type BareFunction, startCustom, startFramed } from './bare.ts'
import { type BuiltFunction, build, order, orderFunctions } from './order.ts'

/** Between two cold calls, so that the pool of stem cells is full again. */
const refillMs = 400

/** The example `order` in every language on every runtime of this host: bare, and through the fabric's REST door. */
export async function startLanguages(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const outDir = mkdtempSync(join(tmpdir(), 'weft-bench-'))
    stack.defer(() => rmSync(outDir, { recursive: true, force: true }))
    const { connection } = stack.use(await startFabric())
    const client = stack.use(new FabricClient(connection))
    const runtimes = detectRuntimes()
    const cases: Case[] = []
    for (const what of orderFunctions) {
      const built = await build(what, outDir)
      for (const runtime of runtimes.filter(({ id }) => what.runtimes.test(id))) {
        const framed = runtime.language !== 'custom'
        const bare = () => (framed ? startFramed(runtime, built) : startCustom(built))
        const name = framed ? runtime.id : what.folder
        cases.push(
          ...bareCases(name, bare, options),
          ...fabricCases(name, runtime.id, built, client, connection, options),
        )
      }
    }
    return { cases, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

function bareCases(name: string, start: () => Promise<BareFunction>, options: BedOptions): Case[] {
  return [
    {
      id: `language.${name}.bare-cold`,
      title: `${name}: first answer of a bare process`,
      group: 'floor',
      measure: () =>
        oneByOne(scaled(10, options, 3), async () => {
          await using bare = await start()
          return bare.firstMs
        }),
    },
    {
      id: `language.${name}.bare-warm`,
      title: `${name}: call of a bare process`,
      group: 'floor',
      measure: async () => {
        await using bare = await start()
        return await warmClosedLoop(1, scaled(1_000, options), () => bare.call())
      },
    },
  ]
}

function fabricCases(
  name: string,
  runtime: string,
  { handler, zip }: BuiltFunction,
  client: FabricClient,
  connection: FabricConnection,
  options: BedOptions,
): Case[] {
  let made = 0
  const create = async (): Promise<string> => {
    const functionName = `till-${name.replaceAll('.', '_')}-${++made}`
    await createPackage(client, connection, { functionName, runtime, handler, zip })
    return functionName
  }
  const caller = (http: HttpConnection, functionName: string) => {
    const request = signedInvoke(connection, functionName, order)
    return async (): Promise<void> => {
      const answer = await http.send(request())
      if (answer.status !== 200 || answer.head.includes('x-amz-function-error'))
        throw new Error(`${functionName} failed: ${answer.body.toString('utf8').slice(0, 300)}`)
    }
  }
  const open = (): Promise<HttpConnection> => HttpConnection.open('127.0.0.1', Number(new URL(connection.http).port))
  return [
    {
      id: `language.${name}.cold`,
      title: `${name}: first call of a function`,
      group: 'product',
      measure: async () => {
        using http = await open()
        return await oneByOne(scaled(10, options, 3), async () => {
          const functionName = await create()
          await wait(refillMs)
          const call = caller(http, functionName)
          const startedMs = performance.now()
          await call()
          const takenMs = performance.now() - startedMs
          await deleteFunction(client, functionName)
          return takenMs
        })
      },
    },
    {
      id: `language.${name}.warm`,
      title: `${name}: warm call`,
      group: 'product',
      measure: async () => {
        using http = await open()
        const functionName = await create()
        const sample = await warmClosedLoop(1, scaled(1_000, options), caller(http, functionName))
        await deleteFunction(client, functionName)
        return sample
      },
    },
  ]
}
