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
import {
  arnOfIdentity,
  compiledResourcePolicy,
  evaluate,
  type Identities,
  parseIdentityArn,
  policyOf,
  trustOf,
} from '@weft/policy'
import { type Catalogue, type Collection, parseLayerVersionArn } from '@weft/registry'
import type { CallContext } from '../operations/context.ts'
import type { Authorizer, RequestContext } from './authorizer.ts'
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
    const { Role: role } = input as { readonly Role?: string | undefined }
    const refused =
      (role === undefined ? undefined : this.#refusePassing(context, role, resource)) ??
      this.#refusePackage(context, packageOf(input))
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
    const { catalogue, authorizer } = this.#deps
    const target = resource.includes(':function:') ? parseFunctionRef(resource) : undefined
    const named = target?.ok ? target.value : undefined
    const owner = named?.accountId ?? ownerOf(resource) ?? principal.accountId
    const record = named && catalogue.function(owner, named.functionName)
    const policy = record ? policyOf(record, named.qualifier) : this.#layerPolicy(resource)
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
    return ok({ ...context, principal: { ...principal, accountId: owner } })
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

  /** A package in a bucket is read for the caller, who must be allowed to read it. */
  #refusePackage({ principal }: CallContext, { S3Bucket: bucket, S3Key: key }: BucketPackage): AwsError | undefined {
    if (bucket === undefined || key === undefined) return undefined
    const ask = { action: 's3:GetObject', resource: `arn:aws:s3:::${bucket}/${key}` }
    if (this.#deps.authorizer.decide(principal, ask).allowed) return undefined
    return awsError(
      'AccessDeniedException',
      `Your access has been denied by S3, please make sure your request credentials have permission to GetObject for ${bucket}/${key}. S3 Error Code: AccessDenied. S3 Error Message: Access Denied`,
    )
  }

  /**
   * Who gives a function a role lends it the role's rights, so it needs the right to. A role that was never made is taken,
   * for beginners' sake; its functions may do nothing at the doors.
   */
  #refusePassing(context: CallContext, role: string, resource: string): AwsError | undefined {
    const { authorizer, identities } = this.#deps
    const { principal } = context
    const named = parseIdentityArn(role)
    if (named?.kind !== 'role') return undefined
    if (named.accountId !== principal.accountId)
      return awsError('AccessDeniedException', 'Cross-account pass role is not allowed.')
    const refused = authorizer.authorize(principal, {
      action: 'iam:PassRole',
      resource: role,
      context: { 'iam:passedtoservice': 'lambda.amazonaws.com', 'iam:associatedresourcearn': resource },
    })
    if (refused) return refused
    const record = identities.role(named.accountId, named.name)
    if (!record || arnOfIdentity(record) !== role) return undefined
    const trusted = evaluate([trustOf(record)], {
      subject: { service: 'lambda.amazonaws.com' },
      action: 'sts:AssumeRole',
      resource: role,
      context: (key) =>
        key === 'aws:sourcearn' ? resource : key === 'aws:sourceaccount' ? principal.accountId : undefined,
    })
    if (trusted.kind === 'allow') return undefined
    return awsError('InvalidParameterValueException', 'The role defined for the function cannot be assumed by Lambda.')
  }
}

interface BucketPackage {
  readonly S3Bucket?: string | undefined
  readonly S3Key?: string | undefined
}

/** Where CreateFunction, UpdateFunctionCode and PublishLayerVersion say that the package lies. */
function packageOf(input: LambdaInput): BucketPackage {
  const { Code, Content, ...own } = input as BucketPackage & {
    readonly Code?: BucketPackage
    readonly Content?: BucketPackage
  }
  return Code ?? Content ?? own
}

/** The account of a layer or of another resource of Lambda that is named by its ARN. */
function ownerOf(resource: string): AccountId | undefined {
  const account = resource.split(':')[4]
  return account !== undefined && /^\d{12}$/.test(account) ? (account as AccountId) : undefined
}

const tagsOf = (record: FunctionRecord | undefined): RequestContext =>
  Object.fromEntries(
    Object.entries(record?.tags ?? {}).map(([key, value]) => [`aws:resourcetag/${key.toLowerCase()}`, value]),
  )
