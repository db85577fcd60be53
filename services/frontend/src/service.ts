import { SigningKeys } from '@weft/aws'
import {
  type AccountId,
  type AwsError,
  type CodeSigningConfig,
  type FactSink,
  type Invoker,
  type IsolationClass,
  imageRuntime,
  type LayerEntry,
  type Result,
} from '@weft/contracts'
import type { EventAcceptor, InvocationBook } from '@weft/delivery'
import {
  type Clock,
  type HealthOptions,
  healthHandler,
  type Logger,
  type Random,
  type Service,
  stopInOrder,
  systemRandom,
} from '@weft/platform'
import type { IdentityDirectory } from '@weft/policy'
import type { Catalogue, CatalogueStores, CodeStore, Collection, ProvisionedStates } from '@weft/registry'
import type { FrontendConfig } from './config.ts'
import type { AwsDoor, Principal } from './doors/door.ts'
import { iamDoor } from './doors/iam/iam-door.ts'
import { createLambdaDoor } from './doors/lambda/lambda-door.ts'
import { stsDoor } from './doors/sts/sts-door.ts'
import { UrlDoor } from './doors/url/url-door.ts'
import { tokenSite } from './doors/weft/token-site.ts'
import { CodeLinks } from './http/code-links.ts'
import { Gate } from './http/gate.ts'
import { startHttpDoor } from './http/http-door.ts'
import { httpApisDoor } from './http-api/control-door.ts'
import type { HttpApiDirectory } from './http-api/directory.ts'
import { issuerFetch } from './http-api/fetch-json.ts'
import { FunctionCalls } from './http-api/function-calls.ts'
import { HttpApiDoor } from './http-api/http-api-door.ts'
import { IssuerKeys } from './http-api/issuer-keys.ts'
import { RouteAuthorizers } from './http-api/route-authorizers.ts'
import { Throttle } from './http-api/throttle.ts'
import { Authorizer } from './identity/authorizer.ts'
import { Credentials } from './identity/credentials.ts'
import { Guard } from './identity/guard.ts'
import { KeyUse } from './identity/key-use.ts'
import { ImageImports } from './images/image-imports.ts'
import { openImageRegistry } from './images/image-registry.ts'
import { credentialsFile } from './images/registry-credentials.ts'
import type { Operations } from './operations/api.ts'
import { Markers } from './operations/markers.ts'
import { createOperations } from './operations/operations.ts'
import type { SnapStartStates } from './operations/snap-start.ts'

export interface FrontendDeps {
  readonly catalogue: Catalogue
  readonly stores: CatalogueStores
  readonly code: CodeStore
  readonly layers: Collection<LayerEntry>
  readonly httpApis: HttpApiDirectory
  readonly codeSigning: Collection<CodeSigningConfig>
  /** Absent: nothing keeps environments ready, so none can be provisioned. */
  readonly provisionedStates?: ProvisionedStates
  /** How far versions with SnapStart are. Absent: nothing initialises them ahead, and none waits for it. */
  readonly snapStarts?: SnapStartStates
  /** Roles, users and policies of all accounts. */
  readonly identities: IdentityDirectory
  readonly invoker: Invoker
  readonly events: EventAcceptor
  /** Of invocations whose results are kept. Absent: none are. */
  readonly book?: InvocationBook
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  /** Shared by all instances: seals session credentials, list markers and links. */
  readonly clusterSecret: string
  /** Chooses between the versions of an alias; the system's when absent. */
  readonly random?: Random
  /** Whether every frontend knows of the changes of functions up to a revision. Absent: this one is the only one. */
  readonly seenByAll?: (revision: number) => boolean
  /** Runtime ids that workers offer at this moment. */
  readonly runtimes: () => readonly string[]
  /** The same with their versions, `nodejs24.x:24.21.0`; none is known when absent. */
  readonly runtimeVersions?: () => readonly string[]
  /** Ids of the subnets and security groups that workers offer; none when absent. */
  readonly networks?: () => readonly string[]
  /** What keeps the sandboxes of workers apart; nobody tells when absent. */
  readonly isolations?: () => readonly IsolationClass[]
  /** What the workers' machines are; that of this process when absent. */
  readonly architectures?: () => readonly ('x86_64' | 'arm64')[]
  /** Other AWS services on the same port. */
  readonly doors?: (authorizer: Authorizer) => readonly AwsDoor[]
  /** Reads a package from a bucket of the account. Absent: packages come inline only. */
  readonly bucketObject?: (
    account: AccountId,
    bucket: string,
    key: string,
    versionId?: string,
  ) => Promise<Result<Uint8Array, AwsError>>
  /** What the health paths of the HTTP port tell; this service alone when absent. */
  readonly health?: HealthOptions
}

export interface FrontendService extends Service {
  readonly httpPort: number
  /** Of the HTTP port that speaks TLS; absent: there is none. */
  readonly httpsPort?: number
  /** For the doors that are not HTTP. */
  readonly operations: Operations
  readonly authorizer: Authorizer
}

const ownArchitecture = process.arch === 'arm64' ? 'arm64' : 'x86_64'

/** Function URLs and HTTP APIs are answered on the port of the API, under host names of their own. */
function siteUrl(baseUrl: string, host: string): string {
  const url = new URL(baseUrl)
  url.hostname = host
  return new URL('/', url).href
}

/** Opens the doors. Stopping takes no new connections and lets running requests finish within the deadline. */
export async function startFrontend(config: FrontendConfig, deps: FrontendDeps): Promise<FrontendService> {
  const { catalogue, clock, clusterSecret, identities, log } = deps
  let stopping = false
  let baseUrl = config.http.publicUrl ?? ''
  const codeLinks = new CodeLinks(clusterSecret, deps.code, clock)
  const { region } = config
  const { urlDomain = 'localhost' } = config.http
  const secureTransport = config.http.publicUrl?.startsWith('https:') ?? false
  const authorizer = new Authorizer({ identities, clock, region, secureTransport })
  const images = openImageRegistry({
    clock,
    ...(config.images?.registries && { listed: config.images.registries }),
    ...(config.images?.credentialsFile && { credentials: credentialsFile(config.images.credentialsFile) }),
  })
  const operations = createOperations({
    ...deps,
    images,
    guard: new Guard({ authorizer, identities, catalogue, layers: deps.layers, region }),
    random: deps.random ?? systemRandom,
    seenByAll: deps.seenByAll ?? (() => true),
    region,
    offer: () => ({
      runtimes: deps.runtimes().filter((one) => one !== imageRuntime),
      images: deps.runtimes().includes(imageRuntime),
      runtimeVersions: deps.runtimeVersions?.() ?? [],
      architectures: deps.architectures?.() ?? [ownArchitecture],
      networks: deps.networks?.() ?? [],
      ...(deps.isolations && { isolations: deps.isolations() }),
    }),
    markers: new Markers(clusterSecret),
    codeUrl: (digest, key) => codeLinks.url(baseUrl, digest, key),
    functionUrl: (urlId) => siteUrl(baseUrl, `${urlId}.lambda-url.${region}.${urlDomain}`),
  })
  const problems = (): readonly string[] => (deps.runtimes().length === 0 ? ['no worker offers a runtime'] : [])
  const credentials = new Credentials({ catalogue, identities, clusterSecret, clock })
  const { lookup } = credentials
  const signingKeys = new SigningKeys()
  const keyUse = new KeyUse({ identities, clock, log, region })
  const doors = [
    createLambdaDoor(operations),
    iamDoor({ identities, authorizer, clock }),
    stsDoor({ identities, authorizer, clusterSecret, clock }),
    httpApisDoor({
      ...{ directory: deps.httpApis, authorizer, clock, region },
      endpoint: (apiId) => siteUrl(baseUrl, `${apiId}.execute-api.${region}.${urlDomain}`).replace(/\/$/, ''),
    }),
    ...(deps.doors?.(authorizer) ?? []),
  ]
  const used = (principal: Principal, service: string): void => keyUse.note(principal, service)
  const gate = new Gate({ region: config.region, doors, lookup, signingKeys, used, clock, log })
  const tokens = tokenSite({ doors, credentials, used, log })
  const calls = new FunctionCalls({ catalogue, invoke: operations.invokeAdmitted, clock, log })
  const issuerKeys = new IssuerKeys({
    fetchJson: issuerFetch(config.plainIssuers ?? []),
    now: () => clock.monotonic(),
  })
  const apis = new HttpApiDoor({
    ...{ catalogue, calls, lookup, signingKeys, authorizer, identities, region, clock, log },
    index: deps.httpApis.index,
    authorizers: new RouteAuthorizers({ calls, issuerKeys, region, clock, log }),
    throttle: new Throttle(),
    domain: urlDomain,
  })
  const urls = new UrlDoor({
    ...{ catalogue, lookup, signingKeys, authorizer, identities, region, clock, log },
    invoke: operations.invokeAdmitted,
    domain: urlDomain,
  })
  const health = healthHandler(deps.health ?? { service: 'frontend', problems, stopping: () => stopping })
  const http = await startHttpDoor(
    { ...config, ...config.http },
    { gate, sites: [urls, apis, tokens], codeLinks, health, log },
  )
  if (baseUrl === '') baseUrl = `http://${config.http.host}:${http.port}`
  const imports = new ImageImports({ catalogue, stores: deps.stores, code: deps.code, images, clock, log })
  return {
    name: 'frontend',
    httpPort: http.port,
    ...(http.tlsPort !== undefined && { httpsPort: http.tlsPort }),
    operations,
    authorizer,
    problems,
    async [Symbol.asyncDispose]() {
      stopping = true
      await stopInOrder(
        clock,
        config.stopMs,
        [
          { name: 'leave images to others', run: () => imports[Symbol.asyncDispose]() },
          { name: 'finish running requests', run: () => http.drain() },
          { name: 'break what is left', run: () => http.close() },
        ],
        (step, error) => log.warn({ err: error, step }, 'stop'),
      )
      images.close()
    },
  }
}
