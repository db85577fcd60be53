import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FabricClient } from '@weft/cli'
import { prepareFabric, writeFiles } from '@weft/cluster-init'
import { accountId, type FabricConnection, parseConnection } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { type NatsLink, openLink } from '@weft/nats'
import { silentLogger as log } from '@weft/platform'
import { ServiceProcess } from './service-process.ts'

/** What runs twice, and so what can be killed without anything standing still. */
const pairs = ['placement', 'worker', 'frontend', 'async-queue', 'poller'] as const
export type ServiceName = (typeof pairs)[number]

export interface LocalCluster extends AsyncDisposable {
  readonly bus: TestNatsServer
  readonly processes: readonly ServiceProcess[]
  readonly connection: FabricConnection
  /** Of the account's owner. */
  readonly owner: NatsLink
  /** With the rights of the administration: reads the fabric's own streams. */
  readonly admin: NatsLink
  /** Of each frontend. */
  readonly doors: readonly FabricClient[]
  /** Folders of the workers, by which their sandboxes are known. */
  readonly workerDirs: readonly string[]
}

const storageMb = 4_096

/**
 * All services of a cluster as processes of this machine, two of each, on one bus, with real sandboxes and credentials of
 * their own. `retrySeconds`: waits before the retries of function errors, in place of AWS's minutes.
 */
export async function startLocalCluster(retrySeconds: string): Promise<LocalCluster> {
  await using starting = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'weft-chaos-'))
  starting.defer(() => rmSync(dir, { recursive: true, force: true }))
  const [one, two] = [await freePort(), await freePort()]
  const config = {
    ...{ dir, natsNodes: ['nats-1'], storageMb, region: 'us-east-1', accountId: accountId('000000000000') },
    ...{
      publicHttp: `127.0.0.1:${one}`,
      publicGrpc: '127.0.0.1:1',
      publicAdmin: '127.0.0.1:1',
      publicNats: '127.0.0.1:1',
    },
  }
  await writeFiles(config)
  const data = join(dir, 'data')
  const text = readFileSync(join(dir, 'nats', 'nats-1.conf'), 'utf8')
    .replace('"0.0.0.0:4222"', '"127.0.0.1:-1"')
    .replace(/^http: .*$/m, '')
    .replaceAll('"/data', `"${data}`)
  const bus = starting.use(await startNatsServer({ dir: data, config: text }))
  await prepareFabric(config, log, [bus.url])

  const workerDirs = [1, 2].map((n) => join(dir, `worker-${n}`))
  const frontendPorts = [one, two]
  const processes: ServiceProcess[] = []
  for (const service of [...pairs, 'metrics'] as const)
    for (let n = 1; n <= (service === 'metrics' ? 1 : 2); n++) {
      const port = await freePort()
      const files = join(dir, service)
      const settings: Record<string, string> = {
        WEFT_NATS_SERVERS: bus.url,
        WEFT_NATS_CREDS: join(files, 'nats.creds'),
        WEFT_CLUSTER_SECRET_FILE: join(files, 'cluster-secret'),
        WEFT_MASTER_KEYS_FILE: join(files, 'master-keys.json'),
        WEFT_ACCOUNT_CREDS_DIR: join(files, 'accounts'),
        WEFT_GRPC_PORT: `${port}`,
        WEFT_ADVERTISE: `127.0.0.1:${port}`,
        WEFT_HOST: '127.0.0.1',
        WEFT_LOG_LEVEL: 'error',
        WEFT_ASYNC_RETRY_SECONDS: retrySeconds,
        ...(service === 'frontend' && { WEFT_HTTP_PORT: `${frontendPorts[n - 1]}` }),
        ...(service === 'worker' && {
          WEFT_DATA_DIR: workerDirs[n - 1] as string,
          WEFT_SANDBOX: 'oci',
          WEFT_MEMORY_MB: '4096',
          WEFT_STEMS: '1',
          WEFT_CALLBACK: `127.0.0.1:${one}`,
        }),
      }
      processes.push(starting.use(new ServiceProcess(service, n, settings, await freePort())))
    }
  await Promise.all(processes.map((one) => one.start()))

  const read = parseConnection(readFileSync(join(dir, 'client', 'connection.json'), 'utf8'))
  if (!read.ok) throw new Error(read.error)
  const connection = read.value
  const doors = frontendPorts.map((port) =>
    starting.use(new FabricClient({ ...connection, http: `http://127.0.0.1:${port}` })),
  )
  const open = async (name: string, file: string) =>
    starting.use(
      await openLink({ servers: [bus.url], name, creds: readFileSync(join(dir, file), 'utf8'), log, timeoutMs: 2_000 }),
    )
  const owner = await open('owner', 'client/client.creds')
  const admin = await open('admin', 'admin/nats.creds')
  const started = starting.move()
  return {
    ...{ bus, processes, connection, owner, admin, doors, workerDirs },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
