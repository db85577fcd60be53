import {
  type AwsError,
  type CodeLocation,
  type FunctionRecord,
  type FunctionVersion,
  type ImageImport,
  type ImageSettings,
  limits,
  ok,
  type PublishedVersion,
  type Result,
} from '@weft/contracts'
import { conflict, invalidParameter, updateInProgress } from './errors.ts'
import type { SettingsInput } from './inputs.ts'

type PackageType = FunctionVersion['packageType']

/** Which settings go with which kind of package. The texts are those of AWS. */
export function checkPackageType(packageType: PackageType, input: SettingsInput): Result<never, AwsError> | undefined {
  if (packageType === 'Zip')
    return input.ImageConfig && Object.keys(input.ImageConfig).length > 0
      ? invalidParameter("Please don't provide ImageConfig when using Zip as package type.")
      : undefined
  if (input.Handler !== undefined || input.Runtime !== undefined || (input.Layers && input.Layers.length > 0))
    return invalidParameter(
      "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
    )
  const settingsBytes = Buffer.byteLength(JSON.stringify(input.ImageConfig ?? {}))
  if (settingsBytes > limits.image.settingsBytes)
    return invalidParameter(`ImageConfig must not be larger than ${limits.image.settingsBytes} bytes.`)
  return undefined
}

/** Whether the code that a request gives is of the kind that the function is of. */
export function checkCodeType(
  packageType: PackageType,
  imageUri: string | undefined,
  verb: 'creating' | 'updating',
): Result<never, AwsError> | undefined {
  if (packageType === 'Image' && imageUri === undefined)
    return invalidParameter(`Please provide ImageUri when ${verb} a function with packageType Image.`)
  if (packageType === 'Zip' && imageUri !== undefined)
    return invalidParameter(`Please don't provide ImageUri when ${verb} a function with packageType Zip.`)
  return undefined
}

export const noSigningOfImages = invalidParameter(
  'Code signing is not supported for functions created with container images.',
)

/** An ImageConfig replaces the one before; an empty one goes. */
export function imageSettingsOf(
  before: ImageSettings | undefined,
  input: SettingsInput['ImageConfig'],
): ImageSettings | undefined {
  if (!input) return before
  const settings = {
    ...(input.EntryPoint && input.EntryPoint.length > 0 && { entryPoint: input.EntryPoint }),
    ...(input.Command && input.Command.length > 0 && { command: input.Command }),
    ...(input.WorkingDirectory && { workingDirectory: input.WorkingDirectory }),
  }
  return Object.keys(settings).length > 0 ? settings : undefined
}

/** What AWS tells of a version that waits for its image. */
export const creatingState = {
  state: 'Pending',
  stateReason: 'The function is being created.',
  stateReasonCode: 'Creating',
} as const

const updatingStatus = {
  lastUpdateStatus: 'InProgress',
  lastUpdateStatusReason: 'The function is being created.',
  lastUpdateStatusReasonCode: 'Creating',
} as const

/** `$LATEST` as it will be when the image on its way is there; as it is when there is none. */
export function expectedLatest({
  latest,
  imageImport,
}: Pick<FunctionRecord, 'latest' | 'imageImport'>): FunctionVersion {
  return imageImport?.change ? { ...latest, ...imageImport.change } : latest
}

/** What a record is while the first image of its function is on its way. */
export const awaitingFirstImage = { imageImport: { attempts: 0 } } as const

/** The record while another image is on its way for `$LATEST`, which serves with the one it has until then. */
export const awaitImage = (record: FunctionRecord, change: NonNullable<ImageImport['change']>): FunctionRecord => ({
  ...record,
  latest: { ...record.latest, ...updatingStatus },
  imageImport: { change, attempts: 0 },
})

/** 409 while an image is on its way: nothing else of `$LATEST` changes then. */
export function checkNoImport(record: FunctionRecord): Result<never, AwsError> | undefined {
  if (!record.imageImport) return undefined
  return record.imageImport.change ? updateInProgress(record.functionArn) : wrongState(record)
}

export const wrongState = ({ latest }: Pick<FunctionRecord, 'latest'>): Result<never, AwsError> =>
  conflict(
    `The operation cannot be performed at this time. The function is currently in the following state: ${latest.state}`,
  )

/** The image that is to be brought. */
export const awaitedCode = (record: FunctionRecord): CodeLocation | undefined =>
  record.imageImport && expectedLatest(record).code

/** Claims live so long without being renewed. */
export const importClaimMs = 30_000
/** Begun and never ended so often, an import is given up: it may be what its processes die of. */
const mostAttempts = 5

/** The record with the claim of `by`. Errors: another's claim lives, or there is nothing to bring, or it was tried too often. */
export function claimImport(
  record: FunctionRecord | undefined,
  by: string,
  nowMs: number,
): Result<FunctionRecord, 'none' | 'claimed' | 'exhausted'> {
  const wanted = record?.imageImport
  if (!record || !wanted) return { ok: false, error: 'none' }
  const { claim } = wanted
  const isOwn = claim?.by === by
  if (claim && !isOwn && claim.untilMs > nowMs) return { ok: false, error: 'claimed' }
  if (!isOwn && wanted.attempts >= mostAttempts) return { ok: false, error: 'exhausted' }
  const attempts = isOwn ? wanted.attempts : wanted.attempts + 1
  return ok({ ...record, imageImport: { ...wanted, attempts, claim: { by, untilMs: nowMs + importClaimMs } } })
}

/** The record without the claim of `by`, for another to begin at once; undefined when it has none. */
export function releaseImport(record: FunctionRecord | undefined, by: string): FunctionRecord | undefined {
  if (!record?.imageImport || record.imageImport.claim?.by !== by) return undefined
  const { claim: _own, attempts, ...others } = record.imageImport
  return { ...record, imageImport: { ...others, attempts: attempts - 1 } }
}

/** Why an image could not be brought, in AWS's terms. */
export interface ImportFailure {
  readonly code: 'ImageAccessDenied' | 'ImageDeleted' | 'InvalidImage' | 'InternalError'
  readonly reason: string
}

/** The record when its image is there, or will not be. */
export function endImport(record: FunctionRecord, failure?: ImportFailure): FunctionRecord {
  const { imageImport, ...rest } = record
  const { stateReason: _why, stateReasonCode: _code, ...bare } = withoutStatus(expectedLatest(record))
  if (!failure) return { ...rest, latest: { ...bare, state: 'Active', lastUpdateStatus: 'Successful' } }
  const failed = {
    lastUpdateStatus: 'Failed',
    lastUpdateStatusReason: failure.reason,
    lastUpdateStatusReasonCode: failure.code,
  } as const
  if (imageImport?.change) return { ...rest, latest: { ...withoutStatus(record.latest), ...failed } }
  return { ...rest, latest: { ...bare, ...failedState(failure), ...failed } }
}

/** The version that waits for the image with its function, as it was published; undefined when none does. */
export function publicationOf(record: FunctionRecord): PublishedVersion | undefined {
  const { accountId, functionName, functionId, imageImport } = record
  if (!imageImport?.publishes) return undefined
  const latest = { ...withoutStatus(expectedLatest(record)), lastUpdateStatus: 'Successful', ...creatingState } as const
  return {
    ...{ accountId, functionName, ...(functionId !== undefined && { functionId }) },
    version: { ...latest, ...imageImport.publishes },
  }
}

/** A version that was published while its image was on its way. */
export function endVersionImport(version: FunctionVersion, failure?: ImportFailure): FunctionVersion {
  const { stateReason: _why, stateReasonCode: _code, ...bare } = version
  return failure ? { ...bare, ...failedState(failure) } : { ...bare, state: 'Active' }
}

const failedState = ({ code, reason }: ImportFailure) =>
  ({ state: 'Failed', stateReason: reason, stateReasonCode: code }) as const

/** For what becomes of a version that is changed: how the change before it went is not told any more. */
export function withoutStatus(version: FunctionVersion): Omit<FunctionVersion, 'lastUpdateStatus'> {
  const {
    lastUpdateStatus: _status,
    lastUpdateStatusReason: _reason,
    lastUpdateStatusReasonCode: _code,
    ...rest
  } = version
  return rest
}
