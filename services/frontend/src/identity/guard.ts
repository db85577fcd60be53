import type { OperationName } from '@weft/aws'
import {
  type AccountId,
  type AwsError,
  awsError,
  err,
  type FunctionRecord,
  functionArn,
  type LayerEntry,
  layerKeys,
  ok,
  parseFunctionRef,
  type Result,
} from '@weft/contracts'
import { compiledResourcePolicy, type Identities, policyOf } from '@weft/policy'
import { type Catalogue, type Collection, parseLayerVersionArn } from '@weft/registry'
import type { Principal } from '../doors/door.ts'
import type { CallContext } from '../operations/context.ts'
import type { Authorizer, RequestContext } from './authorizer.ts'
import { refusePassing, refuseRights, refuseTargets } from './execution-role.ts'
import { functionResource, type LambdaInput, lambdaAction, lambdaContext, lambdaResource } from './lambda-actions.ts'

export interface GuardDeps {
  readonly authorizer: Authorizer
  readonly identities: Identities
  readonly catalogue: Pick<Catalogue, 'function' | 'mapping'>
  readonly layers: Pick<Collection<LayerEntry>, 'get'>
  readonly region: string
}

/**
 * Stands before every operation of the Lambda API, whichever door it was asked through. What it lets through, it gives the
 * context to run in: that of the account that owns the resource, which may have let a caller of another one in.
 */
export class Guard {
  readonly #deps: GuardDeps

  constructor(deps: GuardDeps) {
    this.#deps = deps
  }

  management(operation: OperationName, context: CallContext, input: LambdaInput): Result<CallContext, AwsError> {
    const scope = this.#scope(context)
    const resource = lambdaResource(scope, operation, input)
    const keys = { ...lambdaContext(input), ...this.#mappingContext(context, input) }
    const admitted = this.#admit(context, lambdaAction(operation), resource, keys)
    if (!admitted.ok) return admitted
    const { principal } = context
    const owner = admitted.value.principal.accountId
    const { Role: role } = input as { readonly Role?: string | undefined }
    const refused =
      (role === undefined ? undefined : refusePassing(this.#deps, principal, role, resource)) ??
      this.#refusePackage(principal, owner, packageOf(input)) ??
      refuseTargets(this.#deps, this.#record(owner, resource), input) ??
      refuseRights(this.#deps, owner, this.#record(owner, resource) ?? this.#fedBy(owner, input), input)
    return refused ? err(refused) : admitted
  }

  /** A call of a function, by any reference to it. The warm path of the root of an account costs next to nothing. */
  call(context: CallContext, ref: string, qualifier: string | undefined): Result<CallContext, AwsError> {
    const { user, session } = context.principal
    if (!user && !session && !ref.includes(':')) return ok(context)
    const resource = functionResource(this.#scope(context), ref, qualifier)
    // The operation tells what is wrong with a reference that is none.
    return resource === undefined ? ok(context) : this.#admit(context, 'lambda:InvokeFunction', resource, {})
  }

  #scope = ({ principal }: CallContext) => ({ accountId: principal.accountId, region: this.#deps.region })

  #admit(context: CallContext, action: string, resource: string, keys: RequestContext): Result<CallContext, AwsError> {
    const { principal } = context
    const { authorizer } = this.#deps
    const owner = ownerOf(resource) ?? principal.accountId
    const named = functionOf(resource)
    const record = this.#record(owner, resource)
    const policy = record ? policyOf(record, named?.qualifier) : this.#layerPolicy(resource)
    const refused = authorizer.authorize(principal, {
      action,
      resource,
      resourceAccount: owner,
      resourcePolicy: policy && compiledResourcePolicy(policy),
      context: { ...keys, ...tagsOf(record), 'aws:sourceip': context.sourceIp },
    })
    if (refused) return err(refused)
    // Operations look a function up in the account they run for; a layer they look up by its ARN.
    if (!named || owner === principal.accountId) return ok(context)
    const homeAccountId = principal.homeAccountId ?? principal.accountId
    return ok({ ...context, principal: { ...principal, accountId: owner, homeAccountId } })
  }

  #record(owner: AccountId, resource: string): FunctionRecord | undefined {
    const named = functionOf(resource)
    return named && this.#deps.catalogue.function(owner, named.functionName)
  }

  /** The function that a new mapping is to feed. */
  #fedBy(owner: AccountId, input: LambdaInput): FunctionRecord | undefined {
    const { EventSourceArn, FunctionName } = input as Record<string, string | undefined>
    const named = EventSourceArn === undefined ? undefined : parseFunctionRef(FunctionName ?? '')
    return named?.ok ? this.#deps.catalogue.function(owner, named.value.functionName) : undefined
  }

  #layerPolicy(resource: string) {
    const ref = parseLayerVersionArn(resource)
    const entry = ref && this.#deps.layers.get(layerKeys.version(ref.accountId, ref.layerName, ref.version))
    return entry && 'policy' in entry ? entry.policy : undefined
  }

  /** Policies on mappings speak of the function that a mapping feeds. */
  #mappingContext({ principal }: CallContext, input: LambdaInput): RequestContext {
    const { UUID, EventSourceArn, FunctionName } = input as Record<string, string | undefined>
    if (UUID !== undefined)
      return { 'lambda:functionarn': this.#deps.catalogue.mapping(principal.accountId, UUID)?.functionArn }
    if (EventSourceArn === undefined || FunctionName === undefined) return {}
    const parsed = parseFunctionRef(FunctionName)
    if (!parsed.ok) return {}
    return { 'lambda:functionarn': functionArn(this.#deps.region, principal.accountId, parsed.value.functionName) }
  }

  /** A package in a bucket of the function's account is read for the caller, who must be allowed to read it. */
  #refusePackage(
    principal: Principal,
    resourceAccount: AccountId,
    { S3Bucket: bucket, S3Key: key, S3ObjectVersion: version }: BucketPackage,
  ): AwsError | undefined {
    if (bucket === undefined || key === undefined) return undefined
    const action = version === undefined ? 's3:GetObject' : 's3:GetObjectVersion'
    const ask = { action, resource: `arn:aws:s3:::${bucket}/${key}`, resourceAccount }
    if (this.#deps.authorizer.decide(principal, ask).allowed) return undefined
    return awsError(
      'AccessDeniedException',
      `Your access has been denied by S3, please make sure your request credentials have permission to GetObject for ${bucket}/${key}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied`,
    )
  }
}

interface BucketPackage {
  readonly S3Bucket?: string | undefined
  readonly S3Key?: string | undefined
  readonly S3ObjectVersion?: string | undefined
}

/** Where CreateFunction, UpdateFunctionCode and PublishLayerVersion say that the package lies. */
function packageOf(input: LambdaInput): BucketPackage {
  const { Code, Content, ...own } = input as BucketPackage & {
    readonly Code?: BucketPackage
    readonly Content?: BucketPackage
  }
  return Code ?? Content ?? own
}

/** The function, and the qualifier, that a resource is; undefined for another resource. */
function functionOf(resource: string) {
  const parsed = resource.includes(':function:') ? parseFunctionRef(resource) : undefined
  return parsed?.ok ? parsed.value : undefined
}

/** The account in the ARN of a resource; undefined for `*`. */
function ownerOf(resource: string): AccountId | undefined {
  const account = resource.split(':')[4]
  return account !== undefined && /^\d{12}$/.test(account) ? (account as AccountId) : undefined
}

const tagsOf = (record: FunctionRecord | undefined): RequestContext =>
  Object.fromEntries(
    Object.entries(record?.tags ?? {}).map(([key, value]) => [`aws:resourcetag/${key.toLowerCase()}`, value]),
  )
