import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { credentials, Metadata } from '@grpc/grpc-js'
import { AdminClient, FabricClient } from '@weft/cli'
import { type FabricConnection, parseAdminConnection, parseConnection } from '@weft/contracts'
import { InvokeServiceClient } from '@weft/contracts/api/invoke'
import Docker from 'dockerode'
import { type ClusterState, stateVariable } from './engine-files.ts'

const frontends = ['frontend-1', 'frontend-2'] as const
export type Frontend = (typeof frontends)[number]

export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The running cluster as its tests see it. */
export interface Cluster extends Disposable {
  readonly state: ClusterState
  readonly connection: FabricConnection
  /** Contents of the account's creds file. */
  readonly natsCreds: string
  /** Client addresses of the three NATS servers, host:port. */
  natsServers(): Promise<readonly string[]>
  /** With the keys of the first account unless others are given. */
  lambda(frontend?: Frontend, keys?: AwsKeys): Promise<LambdaClient>
  grpc(frontend?: Frontend): Promise<{ client: InvokeServiceClient; metadata: Metadata }>
  /** The small client of the HTTP door, for what the SDK of Lambda has not. */
  http(frontend?: Frontend): Promise<FabricClient>
  /** The administration's door, with the administrator's token. */
  admin(): Promise<AdminClient>
  /** Ends the first process of a service's container as a crash would: without a word, and the engine starts it again. */
  crash(service: string): Promise<void>
  /** Ends it for good, until `start`. */
  stop(service: string): Promise<void>
  start(service: string): Promise<void>
  /** Stops it as an operator does, with a minute to finish what it is at, and starts it again. */
  restart(service: string): Promise<void>
  /** Resolves once the container runs and its health check passes. */
  whenHealthy(service: string): Promise<void>
  /** What the service's /healthz says of itself. */
  details(service: string): Promise<Readonly<Record<string, unknown>>>
}

export function openCluster(): Cluster {
  const path = process.env[stateVariable]
  if (!path) throw new Error('the cluster tests run on a composed cluster: npm run test:cluster')
  const state = JSON.parse(readFileSync(path, 'utf8')) as ClusterState
  const docker = new Docker({ socketPath: state.socketPath })
  const read = parseConnection(readFileSync(join(state.clusterDir, 'client', 'connection.json'), 'utf8'))
  if (!read.ok) throw new Error(`connection.json ${read.error}`)
  const connection = read.value
  const natsCreds = readFileSync(join(state.clusterDir, 'client', connection.natsCreds), 'utf8')
  const opened = new DisposableStack()

  const find = async (service: string): Promise<Docker.Container> => {
    const label = [`com.docker.compose.project=${state.project}`, `com.docker.compose.service=${service}`]
    const [found] = await docker.listContainers({ all: true, filters: { label } })
    if (!found) throw new Error(`no container of ${service}`)
    return docker.getContainer(found.Id)
  }
  const container = async (service: string) => (await find(service)).inspect()
  /** Published ports change when a container starts again. */
  const port = async (service: string, inside: number): Promise<string> => {
    const { NetworkSettings } = await container(service)
    const published = NetworkSettings.Ports[`${inside}/tcp`]?.[0]
    if (!published) throw new Error(`${service} publishes no port ${inside}`)
    return `127.0.0.1:${published.HostPort}`
  }
  const awsKeys = { accessKeyId: connection.accessKeyId, secretAccessKey: connection.secretAccessKey }

  return {
    state,
    connection,
    natsCreds,
    async details(service) {
      const { NetworkSettings } = await container(service)
      const [network] = Object.values(NetworkSettings.Networks)
      const answer = await fetch(`http://${network?.IPAddress}:8080/healthz`)
      return ((await answer.json()) as { details?: Record<string, unknown> }).details ?? {}
    },
    natsServers: () => Promise.all(['nats-1', 'nats-2', 'nats-3'].map((name) => port(name, 4222))),
    async lambda(frontend = 'frontend-1', keys = awsKeys) {
      const client = new LambdaClient({
        endpoint: `http://${await port(frontend, 9000)}`,
        region: connection.region,
        credentials: keys,
        // A test that counts failures must see each one.
        maxAttempts: 1,
      })
      opened.defer(() => client.destroy())
      return client
    },
    async grpc(frontend = 'frontend-1') {
      const client = new InvokeServiceClient(await port(frontend, 9100), credentials.createInsecure())
      opened.defer(() => client.close())
      const metadata = new Metadata()
      metadata.set('authorization', `Bearer ${awsKeys.accessKeyId}:${awsKeys.secretAccessKey}`)
      return { client, metadata }
    },
    http: async (frontend = 'frontend-1') =>
      opened.use(new FabricClient({ ...connection, http: `http://${await port(frontend, 9000)}` })),
    async admin() {
      const admin = parseAdminConnection(readFileSync(join(state.clusterDir, 'administrator', 'admin.json'), 'utf8'))
      if (!admin.ok) throw new Error(`admin.json ${admin.error}`)
      const address = { ...admin.value, admin: await port('admin', 9400) }
      return opened.use(new AdminClient(address, () => Date.now()))
    },
    async crash(service) {
      const { State } = await container(service)
      process.kill(State.Pid, 'SIGKILL')
    },
    stop: async (service) => void (await (await find(service)).kill({ signal: 'SIGKILL' })),
    start: async (service) => void (await (await find(service)).start()),
    restart: async (service) => void (await (await find(service)).restart({ t: 60 })),
    async whenHealthy(service) {
      for (;;) {
        const { State } = await container(service)
        if (State.Health ? State.Health.Status === 'healthy' : State.Running) return
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    },
    [Symbol.dispose]: () => opened.dispose(),
  }
}

/** Runs a function through the SDK; resolves to its answer, rejects as the SDK does. */
export async function invoke(
  lambda: LambdaClient,
  FunctionName: string,
  event: unknown,
  abortSignal?: AbortSignal,
): Promise<unknown> {
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) }),
    abortSignal && { abortSignal },
  )
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8'))
  if (FunctionError) throw new Error(`${FunctionError}: ${JSON.stringify(answer)}`)
  return answer
}
