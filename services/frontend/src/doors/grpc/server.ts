import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { protoService } from '@weft/aws'
import { InvokeServiceService } from '@weft/contracts/api/invoke'
import type { Clock } from '@weft/platform'
import { HealthImplementation } from 'grpc-health-check'
import type { Operations } from '../../operations/api.ts'
import type { Invocations } from '../weft/invocations.ts'
import { type CallDeps, Drain } from './calls.ts'
import { tolerant } from './codec.ts'
import { invokeService } from './invoke-service.ts'
import { lambdaService } from './lambda-service.ts'
import { createReflector, reflectionHandlers, reflectionServices } from './reflection.ts'

export interface GrpcDoorConfig {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** How long calls that run at a stop may take to finish, ms. */
  readonly stopMs: number
  /** PEM texts. With `clientCa` every client must prove a certificate of that authority. Absent: plain HTTP/2. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string }
}

export interface GrpcDoorDeps extends Omit<CallDeps, 'drain'> {
  readonly operations: Pick<Operations, 'invoke' | 'publish' | 'management'>
  /** Of invocations whose results are kept. */
  readonly invocations: Invocations
  readonly region: string
  readonly clock: Clock
  /** As of the service: the health service answers NOT_SERVING while there are any. */
  readonly problems: () => readonly string[]
}

export interface GrpcDoor extends AsyncDisposable {
  readonly port: number
}

/** A package of 50 MB does not fit: larger ones than this come through the REST door. */
const largestMessageBytes = 16 * 1024 * 1024
const healthPollMs = 1_000
/** Once no request runs, what is left are answers on their way and watchers of the health service. */
const flushMs = 500

const publicServices = ['weft.v1.InvokeService', protoService] as const

/**
 * The public gRPC door: weft.v1, weft.lambda.v1, health and reflection. Disposing stops taking calls, lets those that run finish, and
 * then breaks what is left.
 */
export async function startGrpcDoor(config: GrpcDoorConfig, deps: GrpcDoorDeps): Promise<GrpcDoor> {
  const server = new Server({
    'grpc.max_receive_message_length': largestMessageBytes,
    'grpc.max_send_message_length': largestMessageBytes,
    // A client behind a dead network is noticed, and a quiet one kept alive through load balancers.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.keepalive_permit_without_calls': 1,
  })
  const drain = new Drain()
  const callDeps: CallDeps = { catalogue: deps.catalogue, credentials: deps.credentials, log: deps.log, drain }
  server.addService(
    tolerant(InvokeServiceService),
    invokeService({ ...deps.operations, invocations: deps.invocations }, callDeps, deps.region),
  )
  const descriptors = await readFile(fileURLToPath(import.meta.resolve('@weft/contracts/descriptors')))
  const lambda = lambdaService(descriptors, deps.operations.management, callDeps)
  server.addService(lambda.definition, lambda.handlers)
  const reflector = createReflector(descriptors, [...publicServices, 'grpc.health.v1.Health', ...reflectionServices])
  for (const [definition, handlers] of reflectionHandlers(reflector)) server.addService(definition, handlers)
  const health = serveHealth(server, deps)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`${config.host}:${config.port}`, credentialsOf(config), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  return {
    port,
    async [Symbol.asyncDispose]() {
      health.stop()
      await new Promise<void>((resolve) => {
        const force = deps.clock.schedule(config.stopMs, () => server.forceShutdown())
        server.tryShutdown(() => {
          force.cancel()
          resolve()
        })
        void drain.begin().then(() => deps.clock.schedule(flushMs, () => server.forceShutdown()))
      })
    },
  }
}

function credentialsOf({ tls }: GrpcDoorConfig): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure()
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }
  const ca = tls.clientCa === undefined ? null : Buffer.from(tls.clientCa)
  return ServerCredentials.createSsl(ca, [pair], ca !== null)
}

function serveHealth(server: Server, deps: GrpcDoorDeps): { stop(): void } {
  const health = new HealthImplementation()
  health.addToServer(server)
  const set = (serving: boolean): void => {
    for (const name of ['', ...publicServices]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
  }
  let serving = deps.problems().length === 0
  set(serving)
  const poll = (): void => {
    const now = deps.problems().length === 0
    if (now !== serving) set(now)
    serving = now
    timer = deps.clock.schedule(healthPollMs, poll)
  }
  let timer = deps.clock.schedule(healthPollMs, poll)
  return {
    stop() {
      timer.cancel()
      set(false)
    },
  }
}
