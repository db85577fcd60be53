import {
  type AwsError,
  awsError,
  type CodeLocation,
  err,
  type FunctionVersion,
  limits,
  ok,
  type Result,
} from '@weft/contracts'
import { sealPackage } from '@weft/platform'
import { checkCodeType, invalidParameter, notServed, type Scope } from '@weft/registry'
import { ImageFailure } from '../images/image-failure.ts'
import { parseImageReference } from '../images/reference.ts'
import { admitPackage } from './code-signing.ts'
import { codeStorageLimitOf, imageBytesWith } from './code-storage.ts'
import type { OperationDeps } from './deps.ts'
import { type CodeInput, readPackage } from './read-package.ts'

export interface FoundCode {
  readonly code: CodeLocation
  /** Stores what must be there before a record names it. Nothing of an image: it is brought for the record. */
  keep(): Promise<void>
}

export interface CodeWish {
  readonly packageType: FunctionVersion['packageType']
  readonly architecture: FunctionVersion['architecture']
  /** Which code signing config watches over it. */
  readonly signingArn: string | undefined
  readonly verb: 'creating' | 'updating'
  /** What it is to take the place of; absent: there is none yet. */
  readonly current?: CodeLocation
  /** The caller's patience. */
  readonly signal?: AbortSignal | undefined
}

type Deps = Pick<
  OperationDeps,
  'bucketObject' | 'catalogue' | 'layers' | 'codeSigning' | 'clock' | 'log' | 'code' | 'images' | 'offer'
>

/** The code that a request names: a package, read and found sound, or what an image is at its registry now. */
export async function findCode(
  deps: Deps,
  scope: Scope,
  input: CodeInput,
  wish: CodeWish,
): Promise<Result<FoundCode, AwsError>> {
  const misfit = checkCodeType(wish.packageType, input.ImageUri, wish.verb)
  if (misfit) return misfit
  if (input.ImageUri !== undefined) return findImage(deps, scope, input.ImageUri, input, wish)
  const given = await readPackage(deps, scope, input)
  if (!given.ok) return given
  const admitted = await admitPackage(deps, scope, wish.signingArn, given.value)
  if (!admitted.ok) return admitted
  const { zip } = given.value
  const { SourceKMSKeyArn: sourceKmsKeyArn } = input
  if (!sourceKmsKeyArn) return ok({ code: admitted.value, keep: () => deps.code.put(zip) })
  const { current } = wish
  // The same package under the same key is no change; sealed again it would have another name.
  if (
    current?.key !== undefined &&
    current.sourceKmsKeyArn === sourceKmsKeyArn &&
    current.sha256 === admitted.value.sha256
  )
    return ok({ code: current, keep: () => Promise.resolve() })
  const { bytes, digest, key } = sealPackage(zip)
  return ok({ code: { ...admitted.value, digest, key, sourceKmsKeyArn }, keep: () => deps.code.put(bytes) })
}

async function findImage(
  deps: Deps,
  scope: Scope,
  imageUri: string,
  { ImageUri: _uri, ...others }: CodeInput,
  { architecture, signal }: CodeWish,
): Promise<Result<FoundCode, AwsError>> {
  if (Object.keys(codeMembers).some((name) => others[name as keyof typeof others] !== undefined))
    return invalidParameter('Please do not provide other FunctionCode parameters when providing an ImageUri.')
  if (!deps.images || !deps.offer().images)
    return notServed('PackageType Image, for want of a worker that runs images,')
  if (!parseImageReference(imageUri).ok) return notValid(imageUri)
  try {
    const code = await deps.images.resolve(imageUri, architecture, signal)
    if (imageBytesWith(deps, scope.accountId, code) > codeStorageLimitOf(deps, scope.accountId))
      return err(awsError('CodeStorageExceededException', 'Code storage limit exceeded.'))
    return ok({ code, keep: () => Promise.resolve() })
  } catch (error) {
    if (!(error instanceof ImageFailure)) throw error
    deps.log.info({ imageUri, err: error }, 'an image cannot be had')
    return refusalOf(imageUri, error)
  }
}

const codeMembers = {
  ZipFile: true,
  S3Bucket: true,
  S3Key: true,
  S3ObjectVersion: true,
  SourceKMSKeyArn: true,
} as const satisfies Partial<Record<keyof CodeInput, true>>

const notValid = (imageUri: string): Result<never, AwsError> =>
  invalidParameter(`Source image ${imageUri} is not valid. Provide a valid source image.`)

/** AWS's texts. What is out of reach is told in one way, so that a caller cannot learn of the network. */
function refusalOf(imageUri: string, { kind }: ImageFailure): Result<never, AwsError> {
  switch (kind) {
    case 'missing':
      return invalidParameter(`Source image ${imageUri} does not exist. Provide a valid source image.`)
    case 'denied':
      return err(
        awsError(
          'AccessDeniedException',
          'Lambda does not have permission to access the ECR image. Check the ECR permissions.',
        ),
      )
    case 'unsupported':
      return invalidParameter(
        `The image manifest, config or layer media type for the source image ${imageUri} is not supported.`,
      )
    case 'invalid':
      return notValid(imageUri)
    case 'too-large':
      return invalidParameter(
        `Source image ${imageUri} is larger than the limits of images: ${limits.image.bytes} bytes of at most ${limits.image.layers} layers, ${limits.image.settingsBytes} bytes of settings.`,
      )
    case 'forbidden':
    case 'unreachable':
      return invalidParameter(
        `Source image ${imageUri} cannot be read from its registry. Registries that are not on the public internet must be listed by the operator.`,
      )
  }
}
