import { createHash } from 'node:crypto'
import {
  type FunctionVersion,
  imageRuntime,
  LATEST,
  type ResolvedFunction,
  sandboxKey,
  variantKey,
} from '@weft/contracts'
import type { Image, SandboxSpec } from '@weft/contracts/sandbox'

/** Versions are immutable values of the catalogue, so what is derived from one lives as long as it does. */
const cache = new WeakMap<FunctionVersion, { readonly region: string; readonly spec: SandboxSpec }>()

/**
 * What a worker needs to run this version, for a tenant where the function keeps them apart. The same object for the same
 * version record, runtime and region.
 */
export function specOf(target: ResolvedFunction, region: string, tenantId?: string): SandboxSpec {
  const known = cache.get(target.version)
  const runtimeVersion = runtimeVersionOf(target)
  const fresh = known?.region === region && known.spec.runtimeVersion === runtimeVersion
  const spec = fresh ? known.spec : newSpec(target, region, runtimeVersion)
  if (!fresh) cache.set(target.version, { region, spec })
  if (tenantId === undefined) return spec
  // Tenants are many, and their calls few: what is made for one is not kept.
  const variant = `tenant ${createHash('sha256').update(tenantId).digest('base64url')}`
  return { ...spec, tenantId, sandboxKey: variantKey(spec.sandboxKey, variant) }
}

/** `nodejs24.x:24.21.0` of a version that stays with one; "" of one that has whichever its worker has. */
function runtimeVersionOf({ record, version }: ResolvedFunction): string {
  const arn = record.runtimeManagement?.[version.version]?.runtimeVersionArn ?? ''
  return arn.slice(arn.indexOf('::runtime:') + '::runtime:'.length)
}

function newSpec({ record, version }: ResolvedFunction, region: string, runtimeVersion: string): SandboxSpec {
  const lack = whyNotRunnable(version)
  if (lack !== undefined) throw new Error(lack)
  const key = sandboxKey(record.accountId, record.functionName, version.version, version.revisionId)
  return {
    sandboxKey: runtimeVersion === '' ? key : variantKey(key, runtimeVersion),
    accountId: record.accountId,
    functionName: record.functionName,
    version: version.version,
    functionArn: record.functionArn,
    runtime: version.packageType === 'Image' ? imageRuntime : version.runtime,
    handler: version.handler,
    memoryMb: version.memoryMb,
    timeoutMs: version.timeoutMs,
    ephemeralStorageMb: version.ephemeralStorageMb,
    environment: environmentOf(version),
    codeDigest: version.code.digest,
    codeBytes: BigInt(version.code.sizeBytes),
    codeKey: version.code.key ?? '',
    roleArn: version.role,
    region,
    logGroup: version.logGroup,
    architecture: version.architecture,
    logFormat: version.logFormat,
    systemLogLevel: version.systemLogLevel ?? 'INFO',
    subnetIds: [...(version.vpc?.subnetIds ?? [])],
    securityGroupIds: [...(version.vpc?.securityGroupIds ?? [])],
    layers: (version.layers ?? []).map(({ arn, digest, sizeBytes }) => ({
      arn,
      digest,
      sizeBytes: BigInt(sizeBytes),
    })),
    image: imageOf(version),
    snapStart: version.snapStart === true && version.version !== LATEST,
    isolation: '',
    runtimeVersion,
    tenantId: '',
  }
}

/** What a version lacks that it cannot run without, if anything. */
export function whyNotRunnable({ environmentError, packageType, state }: FunctionVersion): string | undefined {
  if (environmentError) return environmentError.message
  return packageType === 'Image' && state !== 'Active' ? 'Its image is not in the code store.' : undefined
}

/** Runtimes learn the level of the function's own lines from a variable, which the function may set otherwise. */
const environmentOf = (version: FunctionVersion): Record<string, string> => ({
  ...version.code.image?.environment,
  ...(version.logFormat === 'JSON' && { AWS_LAMBDA_LOG_LEVEL: version.applicationLogLevel ?? 'INFO' }),
  ...version.environment,
})

/** What a worker runs of an image: each part is the function's own where it has one, else the image's. */
function imageOf({ code: { image }, imageConfig }: FunctionVersion): Image | undefined {
  if (!image) return undefined
  return {
    layers: image.layers.map(({ digest, sizeBytes, compression }) => ({
      ...{ digest, compression },
      sizeBytes: BigInt(sizeBytes),
    })),
    entryPoint: [...(imageConfig?.entryPoint ?? image.entryPoint ?? [])],
    command: [...(imageConfig?.command ?? image.command ?? [])],
    workingDirectory: imageConfig?.workingDirectory ?? image.workingDirectory ?? '',
  }
}
