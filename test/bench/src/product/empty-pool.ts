import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { FabricClient } from '@weft/cli'
import { startDockerd } from '@weft/docker/testing'
import { startFabric } from '@weft/kit'
import Docker from 'dockerode'
import { type Bed, type BedOptions, type Case, scaled } from '../core/case.ts'
import { oneByOne } from '../core/closed-loop.ts'
import { HttpConnection } from '../load/http-connection.ts'
import { payload } from '../load/payload.ts'
import { signedInvoke } from '../load/signed-invoke.ts'
import { createFunction, deleteFunction, lambda } from './functions.ts'

/** Until what the call before left to be done is done. */
const settleMs = 300
/** Stems have AWS's default, so a function that wants another size of /tmp never finds one. */
const unusualStorageMb = 513

/** First calls that no stem cell can answer, on a fabric of the driver's own: the whole of a sandbox is made for each. */
async function emptyPool(
  driver: 'oci' | 'docker',
  args: readonly string[],
  options: BedOptions,
): Promise<Bed & { readonly stack: AsyncDisposableStack }> {
  const stack = new AsyncDisposableStack()
  try {
    const { connection } = stack.use(await startFabric({ args: ['--sandbox', driver, ...args] }))
    const client = stack.use(new FabricClient(connection))
    let made = 0
    const create = async (): Promise<string> => {
      const name = `bench-empty-${driver}-${++made}`
      await createFunction(client, connection, 'node', name)
      await lambda(client, 'PUT', `/2015-03-31/functions/${name}/configuration`, {
        EphemeralStorage: { Size: unusualStorageMb },
      })
      return name
    }
    const port = Number(new URL(connection.http).port)
    const coldMs = async (): Promise<number> => {
      const name = await create()
      await wait(settleMs)
      using http = await HttpConnection.open('127.0.0.1', port)
      const request = signedInvoke(connection, name, payload)()
      const startedMs = performance.now()
      const answer = await http.send(request)
      const takenMs = performance.now() - startedMs
      if (answer.status !== 200 || answer.head.includes('x-amz-function-error'))
        throw new Error(`a cold call failed: ${answer.body.toString('utf8').slice(0, 300)}`)
      await deleteFunction(client, name)
      await wait(settleMs)
      return takenMs
    }
    // The first of all formats a file system of that size.
    await coldMs()
    const measure = () => oneByOne(scaled(10, options, 3), coldMs)
    const title = `Weft cold call on an empty pool, ${driver}`
    const cases: readonly Case[] = [{ id: `product.empty-${driver}`, title, group: 'product', measure }]
    return { cases, stack, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

export const emptyPoolOnOci = (options: BedOptions): Promise<Bed> => emptyPool('oci', [], options)

/** Beside it a container of the same image and runtime, made and started by the engine alone. */
export async function emptyPoolOnDocker(options: BedOptions): Promise<Bed> {
  const engine = await startDockerd()
  try {
    const { cases, stack } = await emptyPool('docker', ['--docker-socket', engine.socketPath], options)
    const docker = new Docker({ socketPath: engine.socketPath })
    const bare: Case = {
      id: 'floor.docker-start',
      title: 'docker create and start of bare node',
      group: 'floor',
      measure: () => oneByOne(scaled(10, options, 3), () => startBare(docker)),
    }
    return {
      cases: [bare, ...cases],
      async [Symbol.asyncDispose]() {
        await stack.disposeAsync()
        await engine[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    throw error
  }
}

/** From the engine's being asked for a container to the first byte that its node prints. */
async function startBare(docker: Docker): Promise<number> {
  // The driver has imported it at its start.
  const [image] = await docker.listImages({ filters: { reference: ['weft-sandbox-base'] } })
  if (!image) throw new Error('the engine lacks the base image of sandboxes')
  const startedMs = performance.now()
  const container = await docker.createContainer({
    Image: image.Id,
    Entrypoint: [],
    Cmd: ['/opt/node', '-e', 'console.log(1)'],
    AttachStdout: true,
    HostConfig: { NetworkMode: 'none', Binds: ['/usr:/usr:ro', `${process.execPath}:/opt/node:ro`] },
  })
  try {
    const output = (await container.attach({ stream: true, stdout: true, hijack: true })) as Duplex
    await container.start()
    await once(output, 'data')
    return performance.now() - startedMs
  } finally {
    await container.remove({ force: true })
  }
}
