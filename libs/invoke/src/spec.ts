import { type FunctionVersion, imageRuntime, type ResolvedFunction, sandboxKey } from '@weft/contracts'
import type { Image, SandboxSpec } from '@weft/contracts/sandbox'

/** Versions are immutable values of the catalogue, so what is derived from one lives as long as it does. */
const cache = new WeakMap<FunctionVersion, { readonly region: string; readonly spec: SandboxSpec }>()

/** What a worker needs to run this version. The same object for the same version record and region. */
export function specOf(target: ResolvedFunction, region: string): SandboxSpec {
  const known = cache.get(target.version)
  if (known && known.region === region) return known.spec
  const { record, version } = target
  if (version.environmentError) throw new Error(version.environmentError.message)
  const spec: SandboxSpec = {
    sandboxKey: sandboxKey(record.accountId, record.functionName, version.version, version.revisionId),
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
  }
  cache.set(version, { region, spec })
  return spec
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
