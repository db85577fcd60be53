import { readFile } from 'node:fs/promises'
import { connect, credsAuthenticator } from '@nats-io/transport-node'
import { FabricClient } from '@weft/cli'
import { startFabric } from '@weft/kit'
import { type Bed, type BedOptions, together } from '../core/case.ts'
import { coldBed } from './cold.ts'
import { controlPlaneBed } from './control-plane.ts'
import { doorBed } from './doors.ts'
import { eventBed } from './events.ts'
import { createFunction } from './functions.ts'
import { idleBed } from './idle.ts'

async function callOnce(client: FabricClient, name: string): Promise<void> {
  const called = await client.invoke(name, JSON.stringify({ mark: 'warm', Records: [] }))
  if (!called.ok) throw new Error(`${name}: ${called.error.code}: ${called.error.message}`)
  if (called.value.functionError) throw new Error(`${name}: ${called.value.payload.toString('utf8')}`)
}

/** The embedded fabric in a process of its own, with its default driver and durability. */
export async function startProduct(options: BedOptions): Promise<Bed> {
  const stack = new AsyncDisposableStack()
  try {
    const { connection, pid } = stack.use(await startFabric())
    const client = stack.use(new FabricClient(connection))
    const authenticator = credsAuthenticator(await readFile(connection.natsCreds))
    const nats = await connect({ servers: connection.nats, authenticator, noAsyncTraces: true })
    stack.defer(() => nats.close())

    const names = { stamp: 'bench-stamp', sink: 'bench-sink', batch: 'bench-batch' } as const
    await createFunction(client, connection, 'node', 'bench-echo')
    for (const what of ['stamp', 'sink', 'batch'] as const) {
      await createFunction(client, connection, what, names[what])
      // Latency and rates are those of warm functions; cold calls are measured by themselves.
      await callOnce(client, names[what])
    }

    const { cases } = stack.use(
      await together([
        async () => idleBed(pid),
        async () => doorBed(connection, nats, 'bench-echo', options),
        async () => coldBed(client, connection, options),
        async () => eventBed(client, connection, nats, names, options),
        async () => controlPlaneBed(client, connection, options),
      ]),
    )
    return { cases, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
