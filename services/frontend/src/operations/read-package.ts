import { createHash } from 'node:crypto'
import { readSignature, readZip } from '@weft/archive'
import { type AwsError, awsError, type CodeLocation, err, limits, ok, type Result } from '@weft/contracts'
import { invalidParameter, notServed, type Scope } from '@weft/registry'
import { codeStorageLimitOf, storedCodeBytes } from './code-storage.ts'
import type { OperationDeps } from './deps.ts'

export interface CodeInput {
  readonly ZipFile?: Uint8Array | undefined
  readonly S3Bucket?: string | undefined
  readonly S3Key?: string | undefined
  readonly S3ObjectVersion?: string | undefined
  readonly S3ObjectStorageMode?: 'COPY' | 'REFERENCE' | undefined
  readonly ImageUri?: string | undefined
  readonly SourceKMSKeyArn?: string | undefined
}

export interface Package {
  readonly zip: Buffer
  /** With its signature, if that is sound. */
  readonly code: CodeLocation
  readonly unzippedBytes: number
  /** It carries a signature that is not its own. */
  readonly brokenSignature: boolean
}

/** The package a request names, read from beginning to end and found sound. Errors carry AWS's texts. */
export async function readPackage(
  deps: Pick<OperationDeps, 'bucketObject' | 'catalogue' | 'layers'>,
  scope: Scope,
  input: CodeInput,
): Promise<Result<Package, AwsError>> {
  const given = await fetchPackage(deps, scope, input)
  if (!given.ok) return given
  const zip = Buffer.from(given.value.buffer, given.value.byteOffset, given.value.byteLength)
  if (zip.byteLength === 0) return invalidParameter('Uploaded file must be a non-empty zip')
  if (zip.byteLength > limits.zipBytes)
    return err(awsError('RequestEntityTooLargeException', `Zipped size must be smaller than ${limits.zipBytes} bytes`))
  const used = storedCodeBytes(deps, scope.accountId)
  if (used + zip.byteLength > codeStorageLimitOf(deps, scope.accountId))
    return err(awsError('CodeStorageExceededException', 'Code storage limit exceeded.'))
  const read = await readZip(zip)
  if (!read.ok) return read
  const { unzippedBytes } = read.value
  const signature = readSignature(zip)
  const code = { ...locate(zip), unzippedBytes, ...(signature.ok && signature.value && { signature: signature.value }) }
  return ok({ zip, code, unzippedBytes, brokenSignature: !signature.ok })
}

/** Where a package will lie, before it lies there. */
function locate(zip: Uint8Array): CodeLocation {
  const hash = createHash('sha256').update(zip).digest()
  return { digest: hash.toString('hex'), sha256: hash.toString('base64'), sizeBytes: zip.byteLength }
}

async function fetchPackage(
  deps: Pick<OperationDeps, 'bucketObject'>,
  scope: Scope,
  input: CodeInput,
): Promise<Result<Uint8Array, AwsError>> {
  if (input.S3ObjectStorageMode === 'REFERENCE') return notServed('S3ObjectStorageMode REFERENCE')
  const inBucket = input.S3Bucket !== undefined || input.S3Key !== undefined
  if (input.ZipFile !== undefined) {
    if (inBucket)
      return invalidParameter('Please do not provide other FunctionCode parameters when providing a ZipFile.')
    return ok(input.ZipFile)
  }
  if (!inBucket) return invalidParameter('Please provide a source for function code.')
  if (input.S3Bucket === undefined || input.S3Key === undefined)
    return invalidParameter('Please provide both S3Bucket and S3Key.')
  if (!deps.bucketObject) return notServed('S3Bucket')
  return deps.bucketObject(scope.accountId, input.S3Bucket, input.S3Key, input.S3ObjectVersion)
}
