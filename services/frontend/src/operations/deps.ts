import type { AccountId, AwsError, CodeSigningConfig, FactSink, Invoker, LayerEntry, Result } from '@weft/contracts'
import type { EventAcceptor, InvocationBook } from '@weft/delivery'
import type { Clock, Logger, Random } from '@weft/platform'
import type { Catalogue, CatalogueStores, CodeStore, Collection, Offer, ProvisionedStates, Scope } from '@weft/registry'
import type { Principal } from '../doors/door.ts'
import type { Guard } from '../identity/guard.ts'
import type { ImageRegistry } from '../images/image-registry.ts'
import type { Markers } from './markers.ts'
import type { SnapStartStates } from './snap-start.ts'

/** What operations work with. */
export interface OperationDeps {
  readonly catalogue: Catalogue
  readonly stores: CatalogueStores
  readonly code: CodeStore
  /** Where container images come from. Absent: there are none. */
  readonly images?: Pick<ImageRegistry, 'resolve'>
  readonly layers: Collection<LayerEntry>
  readonly codeSigning: Collection<CodeSigningConfig>
  /** Absent: nothing keeps environments ready, so none can be provisioned. */
  readonly provisionedStates?: ProvisionedStates
  /** How far versions with SnapStart are. Absent: nothing initialises them ahead, and none waits for it. */
  readonly snapStarts?: SnapStartStates
  readonly invoker: Invoker
  readonly events: EventAcceptor
  /** Of invocations whose results are kept. Absent: none are. */
  readonly book?: InvocationBook
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  /** Lets callers through to what they may do. */
  readonly guard: Guard
  /** Chooses between the versions of an alias. */
  readonly random: Random
  readonly region: string
  /** What the workers run at this moment. */
  readonly offer: () => Offer
  readonly markers: Markers
  /** Whether every frontend knows of the changes of functions up to this revision. */
  readonly seenByAll: (revision: number) => boolean
  /** A URL from which a package can be fetched for some minutes; `key` opens one that lies sealed. */
  readonly codeUrl: (digest: string, key?: string) => string
  /** The URL of a function by its id. */
  readonly functionUrl: (urlId: string) => string
  /** Reads a package from a bucket of the account. Absent: packages come inline only. */
  readonly bucketObject?: (
    account: AccountId,
    bucket: string,
    key: string,
    versionId?: string,
  ) => Promise<Result<Uint8Array, AwsError>>
}

export const scopeOf = (deps: Pick<OperationDeps, 'region'>, principal: Principal): Scope => ({
  accountId: principal.accountId,
  region: deps.region,
})
