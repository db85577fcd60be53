import {
  type AwsError,
  type CodeLocation,
  err,
  type FunctionRecord,
  type FunctionVersion,
  functionArn,
  LATEST,
  type LayerReference,
  limits,
  ok,
  type Result,
} from '@weft/contracts'
import { functionExists, functionNotFound, invalidParameter, notServed, staleRevision } from './errors.ts'
import { arnOf, nameFunction, nameNewFunction } from './function-name.ts'
import {
  awaitImage,
  awaitingFirstImage,
  checkCodeType,
  checkNoImport,
  checkPackageType,
  creatingState,
  noSigningOfImages,
  withoutStatus,
} from './images.ts'
import type { CreateFunctionInput, UpdateFunctionCodeInput, UpdateFunctionConfigurationInput } from './inputs.ts'
import { checkIsolationTag } from './isolation.ts'
import { checkUnzipped } from './layer-use.ts'
import { withRuntimeUpdated } from './runtime-management.ts'
import type { ChangeStamp, Offer, Scope } from './scope.ts'
import { applySettings, checkArchitectures, type Settings } from './settings.ts'
import { checkSnapStart } from './snap-start.ts'
import { addTags } from './tags.ts'
import { notWithTenancy } from './tenancy.ts'

/** What a request names, as it was found. */
export interface Content {
  readonly code: CodeLocation
  /** Absent: the request names none. */
  readonly layers?: readonly LayerReference[]
}

/**
 * A new function of that content. The record is Active: its code has been checked and is stored before the record
 * is. One of an image is Pending, as the image is brought afterwards. Errors: InvalidParameterValueException, ResourceConflictException.
 */
export function createFunction(
  existing: FunctionRecord | undefined,
  input: CreateFunctionInput,
  { code, layers }: Content,
  scope: Scope,
  offer: Offer,
  stamp: ChangeStamp,
): Result<FunctionRecord, AwsError> {
  const name = nameNewFunction(scope, input.FunctionName)
  if (!name.ok) return name
  const problem = checkUnservedAtCreation(input) ?? checkArchitectures(input.Architectures, offer)
  if (problem) return problem
  const packageType = input.PackageType ?? 'Zip'
  if (packageType === 'Zip' && (!input.Runtime || !input.Handler))
    return invalidParameter(
      'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
    )
  const defaults: Settings = {
    description: '',
    runtime: '',
    handler: '',
    role: input.Role,
    timeoutMs: limits.timeoutSeconds.default * 1000,
    memoryMb: limits.memoryMb.default,
    ephemeralStorageMb: limits.ephemeralStorageMb.default,
    environment: {},
    logFormat: 'Text',
    logGroup: `/aws/lambda/${name.value}`,
    tracingMode: 'PassThrough',
  }
  const settings = applySettings(defaults, input, layers, scope, offer)
  if (!settings.ok) return settings
  const tooLarge = checkSnapStart({ ...settings.value, packageType }) ?? checkUnzipped(code, settings.value.layers)
  if (tooLarge) return tooLarge
  const tags = addTags({}, input.Tags ?? {})
  if (!tags.ok) return tags
  const tooStrong = checkIsolationTag(tags.value, offer)
  if (tooStrong) return tooStrong
  if (existing) return functionExists(name.value)
  return ok({
    accountId: scope.accountId,
    functionName: name.value,
    functionArn: functionArn(scope.region, scope.accountId, name.value),
    functionId: stamp.revisionId,
    createdAtMs: stamp.nowMs,
    ...(input.CodeSigningConfigArn && { codeSigningArn: input.CodeSigningConfigArn }),
    ...(input.TenancyConfig && { tenancy: input.TenancyConfig.TenantIsolationMode }),
    tags: tags.value,
    latest: {
      ...settings.value,
      version: LATEST,
      architecture: input.Architectures?.[0] ?? offer.architectures[0] ?? 'x86_64',
      packageType,
      code,
      revisionId: stamp.revisionId,
      lastModifiedMs: stamp.nowMs,
      ...(code.image ? creatingState : { state: 'Active' }),
      lastUpdateStatus: 'Successful',
    },
    ...(code.image && awaitingFirstImage),
  })
}

function checkUnservedAtCreation(input: CreateFunctionInput): Result<never, AwsError> | undefined {
  const misfit = checkPackageType(input.PackageType ?? 'Zip', input)
  if (misfit) return misfit
  if (input.PackageType === 'Image' && input.CodeSigningConfigArn) return noSigningOfImages
  if (input.PublishTo) return notServed('PublishTo')
  return input.TenancyConfig && input.SnapStart?.ApplyOn === 'PublishedVersions'
    ? notWithTenancy('SnapStart')
    : undefined
}

/** New code for `$LATEST`. Errors: ResourceNotFound, PreconditionFailed, InvalidParameterValue. */
export function updateFunctionCode(
  record: FunctionRecord | undefined,
  input: UpdateFunctionCodeInput,
  { code }: Content,
  scope: Scope,
  offer: Offer,
  stamp: ChangeStamp,
): Result<FunctionRecord, AwsError> {
  if (input.PublishTo) return notServed('PublishTo')
  const problem = checkArchitectures(input.Architectures, offer)
  if (problem) return problem
  const current = changeable(record, input, scope)
  if (!current.ok) return current
  const misfit = checkCodeType(current.value.latest.packageType, input.ImageUri, 'updating')
  if (misfit) return misfit
  const tooLarge = checkUnzipped(code, current.value.latest.layers)
  if (tooLarge) return tooLarge
  const { latest } = current.value
  const change = { code, architecture: input.Architectures?.[0] ?? latest.architecture }
  const isThere = !code.image || (latest.state === 'Active' && latest.code.digest === code.digest)
  if (isThere) return ok(withRuntimeUpdated(revise(current.value, stamp, change), latest.runtime, offer))
  return ok(awaitImage(current.value, { ...change, revisionId: stamp.revisionId, lastModifiedMs: stamp.nowMs }))
}

/** New settings for `$LATEST`; absent members stay. `layers` are those that the request names. Errors: ResourceNotFound, PreconditionFailed, InvalidParameterValue. */
export function updateFunctionConfiguration(
  record: FunctionRecord | undefined,
  input: UpdateFunctionConfigurationInput,
  layers: readonly LayerReference[] | undefined,
  scope: Scope,
  offer: Offer,
  stamp: ChangeStamp,
): Result<FunctionRecord, AwsError> {
  const current = changeable(record, input, scope)
  if (!current.ok) return current
  const misfit = checkPackageType(current.value.latest.packageType, input)
  if (misfit) return misfit
  const latest = applySettings(current.value.latest, input, layers, scope, offer)
  if (!latest.ok) return latest
  const tooLarge = checkSnapStart(latest.value) ?? checkUnzipped(latest.value.code, latest.value.layers)
  if (tooLarge) return tooLarge
  const { tenancy, latest: before } = current.value
  if (tenancy && latest.value.snapStart) return notWithTenancy('SnapStart')
  return ok(withRuntimeUpdated(revise({ ...current.value, latest: latest.value }, stamp), before.runtime, offer))
}

function changeable(
  record: FunctionRecord | undefined,
  input: { readonly FunctionName: string; readonly RevisionId?: string | undefined },
  scope: Scope,
): Result<FunctionRecord, AwsError> {
  const named = nameFunction(scope, input.FunctionName)
  if (!named.ok) return named
  const { functionName, qualifier } = named.value
  if (qualifier !== undefined && qualifier !== LATEST)
    return invalidParameter('Only $LATEST can be changed; published versions and aliases cannot.')
  if (!record) return functionNotFound(arnOf(scope, functionName))
  if (input.RevisionId !== undefined && input.RevisionId !== record.latest.revisionId) return err(staleRevision)
  return checkNoImport(record) ?? ok(record)
}

const revise = (record: FunctionRecord, stamp: ChangeStamp, change: Partial<FunctionVersion> = {}): FunctionRecord => ({
  ...record,
  latest: {
    ...withoutStatus(record.latest),
    ...change,
    revisionId: stamp.revisionId,
    lastModifiedMs: stamp.nowMs,
    lastUpdateStatus: 'Successful',
  },
})
