import {
  type AccountId,
  type AwsError,
  awsError,
  type CodeLocation,
  err,
  isAccountId,
  isLayerName,
  type LayerReference,
  type LayerStatement,
  type LayerVersion,
  layerArn,
  ok,
  type Result,
} from '@weft/contracts'
import { awsDate } from './describe.ts'
import { conflict, invalidParameter, notFound, notServed } from './errors.ts'
import type { LayerPermissionInput, PublishLayerInput } from './inputs.ts'
import { knownRuntimes } from './runtimes.ts'
import type { Offer, Scope } from './scope.ts'

/** Resource policy of a layer version, bytes; developer guide, quotas page. */
const policyBytes = 20_480

export interface NamedLayer {
  readonly accountId: AccountId
  readonly region: string
  readonly layerName: string
}

export interface LayerVersionRef extends NamedLayer {
  readonly version: number
}

/** The layer that a name or a layer's ARN means. The API model has checked the form. */
export function nameLayer(scope: Scope, ref: string): Result<NamedLayer, AwsError> {
  const [partition, region = scope.region, account = scope.accountId, layerName = ref] = ref.startsWith('arn:')
    ? [1, 3, 4, 6].map((part) => ref.split(':')[part])
    : []
  // Policies speak of this partition's ARNs: by another's the same layer would be had past them.
  if (partition !== undefined && partition !== 'aws') return invalidParameter(`Invalid partition: ${partition}`)
  if (!isAccountId(account) || !isLayerName(layerName))
    return invalidParameter(
      `1 validation error detected: Value '${ref}' at 'layerName' failed to satisfy constraint: Member must have length less than or equal to 140`,
    )
  return ok({ accountId: account, region, layerName })
}

/** Reads the ARN of a layer version; undefined when it is none. */
export function parseLayerVersionArn(arn: string): LayerVersionRef | undefined {
  const [, partition, service, region, account, kind, layerName, number, ...rest] = arn.split(':')
  if (partition !== 'aws' || service !== 'lambda' || kind !== 'layer' || rest.length > 0) return undefined
  if (!region || !account || !isAccountId(account) || !layerName || !isLayerName(layerName)) return undefined
  return /^\d{1,15}$/.test(number ?? '')
    ? { accountId: account, region, layerName, version: Number(number) }
    : undefined
}

/** The next version of a layer. Errors: ValidationException (a runtime nobody knows). */
export function publishLayerVersion(
  layer: NamedLayer,
  version: number,
  input: PublishLayerInput,
  content: { readonly code: CodeLocation; readonly unzippedBytes: number },
  offer: Offer,
  nowMs: number,
): Result<LayerVersion, AwsError> {
  const problem = checkCompatibleRuntimes(input.CompatibleRuntimes, offer)
  if (problem) return problem
  return ok({
    accountId: layer.accountId,
    layerName: layer.layerName,
    version,
    description: input.Description ?? '',
    ...(input.LicenseInfo !== undefined && { licenseInfo: input.LicenseInfo }),
    compatibleRuntimes: input.CompatibleRuntimes ?? [],
    compatibleArchitectures: input.CompatibleArchitectures ?? [],
    ...content,
    createdAtMs: nowMs,
  })
}

/** A layer may be made for a runtime that no worker offers today, but not for one that does not exist. */
export function checkCompatibleRuntimes(
  runtimes: readonly string[] | undefined,
  offer: Offer,
): Result<never, AwsError> | undefined {
  const known = [...new Set([...offer.runtimes, ...knownRuntimes])]
  if (!runtimes || runtimes.every((one) => known.includes(one))) return undefined
  return err(
    awsError(
      'ValidationException',
      `1 validation error detected: Value '[${runtimes.join(', ')}]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: [${known.join(', ')}]`,
    ),
  )
}

const versionArn = (region: string, { accountId, layerName, version }: LayerVersion): string =>
  layerArn(region, accountId, layerName, version)

/** As listed: without its content. */
export const describeListedLayer = (region: string, layer: LayerVersion) =>
  ({
    LayerVersionArn: versionArn(region, layer),
    Version: layer.version,
    Description: layer.description,
    CreatedDate: awsDate(layer.createdAtMs),
    ...(layer.compatibleArchitectures.length > 0 && { CompatibleArchitectures: layer.compatibleArchitectures }),
    ...(layer.compatibleRuntimes.length > 0 && { CompatibleRuntimes: layer.compatibleRuntimes }),
    ...(layer.licenseInfo !== undefined && { LicenseInfo: layer.licenseInfo }),
  }) as const

/** A GetLayerVersionResponse of the AWS API; `location` is where its zip can be fetched. */
export const describeLayerVersion = (region: string, layer: LayerVersion, location: string) =>
  ({
    ...describeListedLayer(region, layer),
    LayerArn: layerArn(region, layer.accountId, layer.layerName),
    Content: { Location: location, CodeSha256: layer.code.sha256, CodeSize: layer.code.sizeBytes },
  }) as const

export const layerReference = (region: string, { code, unzippedBytes, ...layer }: LayerVersion): LayerReference => ({
  arn: layerArn(region, layer.accountId, layer.layerName, layer.version),
  digest: code.digest,
  sizeBytes: code.sizeBytes,
  unzippedBytes,
})

/** 404 of what names a layer version that is not there. */
export const noLayerVersion = (arn: string): Result<never, AwsError> => notFound(`Layer version ${arn} does not exist.`)

/** What an account of another account's is refused with. */
export const layerDenied = (caller: string, arn: string): Result<never, AwsError> =>
  err(
    awsError(
      'AccessDeniedException',
      `User: ${caller} is not authorized to perform: lambda:GetLayerVersion on resource: ${arn} because no resource-based policy allows the lambda:GetLayerVersion action`,
    ),
  )

/** Whether an account may use a layer version: its own always, another's by a statement. */
export const mayUseLayer = (layer: LayerVersion, account: AccountId): boolean =>
  layer.accountId === account ||
  (layer.policy?.statements ?? []).some(
    ({ Principal }) => Principal === '*' || Principal.AWS === `arn:aws:iam::${account}:root`,
  )

const staleLayerPolicy: AwsError = awsError(
  'PreconditionFailedException',
  'The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id',
)

/**
 * The layer version with one more statement. Errors: ResourceConflict, PreconditionFailed, PolicyLengthExceeded,
 * InvalidParameterValue (organizations, which there are none of here).
 */
export function addLayerPermission(
  layer: LayerVersion,
  input: LayerPermissionInput,
  region: string,
  revisionId: string,
): Result<LayerVersion, AwsError> {
  if (input.OrganizationId !== undefined) return notServed('OrganizationId')
  const before = layer.policy?.statements ?? []
  if (before.some(({ Sid }) => Sid === input.StatementId))
    return conflict(
      `The statement id (${input.StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
    )
  if (input.RevisionId !== undefined && input.RevisionId !== layer.policy?.revisionId) return err(staleLayerPolicy)
  const statement: LayerStatement = {
    Sid: input.StatementId,
    Effect: 'Allow',
    Principal: input.Principal === '*' ? '*' : { AWS: accountRoot(input.Principal) },
    Action: 'lambda:GetLayerVersion',
    Resource: versionArn(region, layer),
  }
  const changed = { ...layer, policy: { statements: [...before, statement], revisionId } }
  if (Buffer.byteLength(layerPolicyDocument(changed)) > policyBytes)
    return err(
      awsError('PolicyLengthExceededException', `The final policy size is bigger than the limit (${policyBytes}).`),
    )
  return ok(changed)
}

const accountRoot = (principal: string): string =>
  principal.startsWith('arn:') ? principal : `arn:aws:iam::${principal}:root`

/** The layer version without a statement. Errors: ResourceNotFound, PreconditionFailed. */
export function removeLayerPermission(
  layer: LayerVersion,
  statementId: string,
  given: string | undefined,
  revisionId: string,
): Result<LayerVersion, AwsError> {
  const { policy, ...rest } = layer
  if (given !== undefined && given !== policy?.revisionId) return err(staleLayerPolicy)
  const left = (policy?.statements ?? []).filter(({ Sid }) => Sid !== statementId)
  if (left.length === (policy?.statements.length ?? 0))
    return notFound(`Statement ${statementId} is not found in resource policy.`)
  return ok(left.length === 0 ? rest : { ...rest, policy: { statements: left, revisionId } })
}

/** The policy as the document that GetLayerVersionPolicy answers with. */
export const layerPolicyDocument = (layer: LayerVersion): string =>
  JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: layer.policy?.statements ?? [] })
