import {
  type AccountId,
  type AwsError,
  awsError,
  buckets,
  type CodeSigningConfig,
  err,
  type HttpApiEntry,
  isBucketName,
  type LayerEntry,
  ok,
  type Result,
  type SnapStartEntry,
  streams,
  subjects,
} from '@weft/contracts'
import {
  type NatsLink,
  natsArchiveStore,
  natsBusPublisher,
  type ObjectStore,
  openCodeInventory,
  openCollection,
  openIdentities,
  openInvocationBook,
  openObjectStore,
  openProvisionedStates,
  openTriggers,
  serveRequests,
  streamReader,
} from '@weft/nats'
import type { Sealer, Service } from '@weft/platform'
import { clearCode } from '../clear-code.ts'
import type { FrontendConfig } from '../config.ts'
import { HttpApiIndex } from '../http-api/directory.ts'
import type { Authorizer } from '../identity/authorizer.ts'
import { Credentials } from '../identity/credentials.ts'
import { isLayerVersion } from '../operations/find-layers.ts'
import { type FrontendDeps, startFrontend } from '../service.ts'
import { autoscalingDoor } from './autoscaling/autoscaling-door.ts'
import { eventsDoor } from './events/events-door.ts'
import { type GrpcDoorConfig, startGrpcDoor } from './grpc/server.ts'
import { logsDoor } from './logs/logs-door.ts'
import { isEvent, natsEventsDoor } from './nats-events.ts'
import { natsInvokeDoor } from './nats-invoke.ts'
import { Notifier } from './s3/notifications/notifier.ts'
import { s3Door } from './s3/s3-door.ts'
import { schedulerDoor } from './scheduler/scheduler-door.ts'
import { snsDoor } from './sns/sns-door.ts'
import { invocationOperations } from './weft/invocations.ts'
import { weftDoor } from './weft/weft-door.ts'

export interface AllDoorsConfig extends FrontendConfig {
  /** Stops within the time that the HTTP port has. */
  readonly grpc: Omit<GrpcDoorConfig, 'stopMs'>
}

export interface AllDoorsDeps
  extends Omit<
    FrontendDeps,
    'doors' | 'bucketObject' | 'layers' | 'httpApis' | 'codeSigning' | 'provisionedStates' | 'snapStarts' | 'identities'
  > {
  /** The frontend's connection to the fabric's account. */
  readonly link: NatsLink
  /** Opens and seals the secrets of IAM users' keys. */
  readonly sealer: Sealer
  /** What is wrong with the parts the doors stand on; the gRPC health service tells it. */
  readonly problems: () => readonly string[]
}

export interface AllDoors extends Service {
  readonly httpPort: number
  readonly grpcPort: number
}

/**
 * Opens every door of a frontend: the HTTP port (Lambda, IAM, STS, S3, CloudWatch Logs, EventBridge, SNS), gRPC, and NATS requests. Disposing
 * closes them side by side, each within its own deadline.
 */
export async function startAllDoors(config: AllDoorsConfig, deps: AllDoorsDeps): Promise<AllDoors> {
  const { link, log, catalogue, clock } = deps
  const { region } = config
  const store = openObjectStore(link, clock, (account) => catalogue.account(account)?.bucketStorageBytes)
  const book = openInvocationBook(link, clock)
  let stopping = false
  let own: readonly Service[] = []
  await using opened = new AsyncDisposableStack()
  const layers = opened.use(openCollection<LayerEntry>(link, buckets.layers, { log, clock }))
  const codeSigning = opened.use(openCollection<CodeSigningConfig>(link, buckets.codeSigning, { log, clock }))
  const identities = opened.use(openIdentities(link, { log, clock, sealer: deps.sealer }))
  const snapStarts = opened.use(openCollection<SnapStartEntry>(link, buckets.snapStarts, { log, clock }))
  const triggers = opened.use(openTriggers(link, { log, clock }))
  const publisher = natsBusPublisher(link)
  const notifier = new Notifier({ triggers, catalogue, events: deps.events, publisher, region, clock, log })
  const apiIndex = new HttpApiIndex()
  const httpApis = opened.use(
    openCollection<HttpApiEntry>(link, buckets.httpApis, {
      ...{ log, clock },
      onRecord: (key, entry) => apiIndex.put(key, entry),
    }),
  )
  await Promise.all([
    triggers.whenReady,
    snapStarts.whenReady,
    httpApis.whenReady,
    layers.whenReady,
    codeSigning.whenReady,
    identities.whenReady,
  ])
  const problems = (): readonly string[] => [
    ...deps.problems(),
    ...layers.problems(),
    ...httpApis.problems(),
    ...codeSigning.problems(),
    ...identities.problems(),
    ...triggers.problems(),
    ...snapStarts.problems(),
    ...own.flatMap((service) => service.problems()),
  ]
  /** What AWS has no counterpart of. */
  const ownOperations = (authorizer: Authorizer) => ({
    invocations: invocationOperations({ book, authorizer, clock, region }),
    events: { triggers, publisher, authorizer, region, clock },
    bucketEvents: { notifier, authorizer, region, clock },
  })
  const frontend = opened.use(
    await startFrontend(config, {
      health: { service: 'frontend', problems, stopping: () => stopping },
      ...deps,
      book,
      layers,
      httpApis: { store: httpApis.store, index: apiIndex },
      codeSigning,
      provisionedStates: openProvisionedStates(link),
      snapStarts,
      identities,
      doors: (authorizer) => [
        s3Door({ store, authorizer, region, notifier }),
        logsDoor({ logs: streamReader(link, streams.logs), catalogue, triggers, authorizer, region, clock }),
        eventsDoor({ triggers, publisher, archives: natsArchiveStore(link), authorizer, region, clock }),
        schedulerDoor({ triggers, authorizer, region, clock }),
        autoscalingDoor({ catalogue, functions: deps.stores.functions, authorizer, region, clock }),
        snsDoor({ triggers, publisher, authorizer, region, clock }),
        weftDoor({ ...ownOperations(authorizer), region }),
      ],
      bucketObject: bucketObject(store),
    }),
  )
  own = [frontend]
  const { operations } = frontend
  const { invocations, events, bucketEvents } = ownOperations(frontend.authorizer)
  const credentials = new Credentials({ catalogue, identities, clusterSecret: deps.clusterSecret, clock })
  const grpc = opened.use(
    await startGrpcDoor(
      { ...config.grpc, stopMs: config.stopMs },
      { catalogue, credentials, log, clock, operations, invocations, region, problems },
    ),
  )
  const call = natsInvokeDoor({
    invoke: operations.invoke,
    log,
    maxMessageBytes: () => link.connection.info?.max_payload ?? 0,
  })
  const takeEvent = natsEventsDoor({ events, bucketEvents, log })
  const nats = opened.use(
    serveRequests(link, {
      subject: subjects.invokeAll,
      queueGroup: subjects.invokeQueueGroup,
      log,
      handle: (request) => (isEvent(request.subject) ? takeEvent(request) : call(request)),
      withoutReply: isEvent,
    }),
  )
  // As long as anything is wrong it is not known for sure what is in use.
  const inUse = (): ReadonlySet<string> | undefined =>
    problems().length > 0
      ? undefined
      : new Set([
          ...catalogue.codeInUse(),
          ...layers.list('').flatMap((entry) => (isLayerVersion(entry) ? entry.code.digest : [])),
        ])
  const clearing = opened.use(clearCode({ inventory: openCodeInventory(link), inUse, clock, log }))
  opened.move()
  return {
    name: frontend.name,
    httpPort: frontend.httpPort,
    grpcPort: grpc.port,
    problems,
    async [Symbol.asyncDispose]() {
      stopping = true
      await clearing[Symbol.asyncDispose]()
      const closed = await Promise.allSettled([frontend, grpc, nats].map((door) => door[Symbol.asyncDispose]()))
      for (const one of closed)
        if (one.status === 'rejected') log.warn({ err: one.reason }, 'a door was not closed cleanly')
      await layers[Symbol.asyncDispose]()
      await httpApis[Symbol.asyncDispose]()
      await codeSigning[Symbol.asyncDispose]()
      await identities[Symbol.asyncDispose]()
      await triggers[Symbol.asyncDispose]()
      await snapStarts[Symbol.asyncDispose]()
    },
  }
}

/** A package in a bucket, as CreateFunction with S3Bucket, S3Key and S3ObjectVersion asks for it. The texts are those of AWS. */
const bucketObject =
  (store: ObjectStore) =>
  async (
    account: AccountId,
    bucket: string,
    key: string,
    versionId?: string,
  ): Promise<Result<Uint8Array, AwsError>> => {
    const refused = (code: string, message: string): Result<never, AwsError> =>
      err(
        awsError(
          'InvalidParameterValueException',
          `Error occurred while GetObject. S3 Error Code: ${code}. S3 Error Message: ${message}`,
        ),
      )
    if (!isBucketName(bucket) || (await store.bucketCreatedAtMs(account, bucket)) === undefined)
      return refused('NoSuchBucket', 'The specified bucket does not exist')
    const found = await store.open(account, bucket, key, undefined, versionId)
    if (!found && versionId !== undefined) return refused('NoSuchVersion', 'The specified version does not exist.')
    if (!found || found.info.deleteMarker) return refused('NoSuchKey', 'The specified key does not exist.')
    const parts: Uint8Array[] = []
    for await (const part of found.body) parts.push(part)
    return ok(Buffer.concat(parts))
  }
