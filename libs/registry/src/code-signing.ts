import {
  type AwsError,
  awsError,
  type CodeLocation,
  type CodeSignature,
  type CodeSigningConfig,
  codeSigningArn,
  err,
  type FunctionRecord,
  ok,
  type Result,
} from '@weft/contracts'
import { conflict, invalidParameter } from './errors.ts'
import type { CodeSigningInput } from './inputs.ts'
import type { Scope } from './scope.ts'
import { addTags } from './tags.ts'

/** The ARN of a version of a signing profile; the name is whatever the operator calls the key. */
const profileVersion =
  /^arn:aws:signer:[a-z0-9-]+:(\d{12}):\/signing-profiles\/[a-zA-Z0-9_]{2,64}\/([A-Za-z0-9_-]{43})$/

/** A new config. Errors: InvalidParameterValueException. */
export function createCodeSigningConfig(
  input: CodeSigningInput,
  scope: Scope,
  stamp: { readonly id: string; readonly nowMs: number },
): Result<CodeSigningConfig, AwsError> {
  const tags = addTags({}, input.Tags ?? {})
  if (!tags.ok) return tags
  const base: CodeSigningConfig = {
    accountId: scope.accountId,
    id: stamp.id,
    description: '',
    publishers: [],
    untrusted: 'Warn',
    tags: tags.value,
    lastModifiedMs: stamp.nowMs,
  }
  return updateCodeSigningConfig(base, input, stamp.nowMs)
}

/** Absent members stay. Errors: InvalidParameterValueException. */
export function updateCodeSigningConfig(
  config: CodeSigningConfig,
  input: CodeSigningInput,
  nowMs: number,
): Result<CodeSigningConfig, AwsError> {
  const publishers = input.AllowedPublishers?.SigningProfileVersionArns ?? config.publishers
  const foreign = publishers.find((arn) => !profileVersion.test(arn))
  if (foreign !== undefined)
    return invalidParameter(
      `${foreign} is no version of a signing profile of this fabric: arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/THUMBPRINT, with the SHA-256 thumbprint of the key (RFC 7638).`,
    )
  return ok({
    ...config,
    description: input.Description ?? config.description,
    publishers,
    untrusted: input.CodeSigningPolicies?.UntrustedArtifactOnDeployment ?? config.untrusted,
    lastModifiedMs: nowMs,
  })
}

/** A CodeSigningConfig of the AWS API. */
export const describeCodeSigning = (region: string, config: CodeSigningConfig) =>
  ({
    CodeSigningConfigId: config.id,
    CodeSigningConfigArn: codeSigningArn(region, config.accountId, config.id),
    ...(config.description !== '' && { Description: config.description }),
    AllowedPublishers: { SigningProfileVersionArns: config.publishers },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: config.untrusted },
    LastModified: new Date(config.lastModifiedMs).toISOString(),
  }) as const

/** The id in the ARN of a config of the account; undefined for every other ARN. */
export function codeSigningIdOf(scope: Scope, arn: string): string | undefined {
  const id = arn.slice(arn.lastIndexOf(':') + 1)
  return arn === codeSigningArn(scope.region, scope.accountId, id) ? id : undefined
}

/** 404 of the operations on configs. */
export const noCodeSigningConfig = (arn: string): Result<never, AwsError> =>
  err(
    awsError('ResourceNotFoundException', `The Lambda code signing configuration ${arn} can not be found.`, {
      untyped: true,
    }),
  )

/** 404 of what would have a function use one. */
export const missingCodeSigningConfig = (arn: string): Result<never, AwsError> =>
  err(
    awsError(
      'CodeSigningConfigNotFoundException',
      `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
    ),
  )

/** Whether a config may be deleted. Errors: ResourceConflictException while functions use it. */
export function checkUnused(arn: string, functions: readonly FunctionRecord[]): Result<never, AwsError> | undefined {
  const users = functions.filter((one) => one.codeSigningArn === arn)
  if (users.length === 0) return undefined
  return conflict(
    `Cannot delete CodeSigningConfig '${arn}' because it is used by ${users.length} function${users.length === 1 ? '' : 's'}.`,
  )
}

/**
 * The package as a config lets it in, with the publisher that is trusted for it. `untrusted` says what under Warn is only told
 * of. Errors under Enforce: CodeVerificationFailedException.
 */
export function verifyPackage(
  config: CodeSigningConfig,
  code: CodeLocation,
  nowMs: number,
): Result<{ readonly code: CodeLocation; readonly untrusted: boolean }, AwsError> {
  const { signature } = code
  const publisher = signature && publisherOf(config, signature, nowMs)
  if (signature && publisher !== undefined)
    return ok({ code: { ...code, signature: { ...signature, publisher } }, untrusted: false })
  return config.untrusted === 'Enforce' ? err(verificationFailed) : ok({ code, untrusted: true })
}

/** The profile version of a config that made a signature which is still good. */
const publisherOf = (
  config: CodeSigningConfig,
  { thumbprint, expiresAtMs }: CodeSignature,
  nowMs: number,
): string | undefined =>
  expiresAtMs === undefined || expiresAtMs > nowMs
    ? config.publishers.find((arn) => profileVersion.exec(arn)?.[2] === thumbprint)
    : undefined

/** The refusal under Enforce, in the words of the API reference. */
export const verificationFailed: AwsError = awsError(
  'CodeVerificationFailedException',
  'The code signature failed one or more of the validation checks for signature mismatch or expiry, and the code signing policy is set to ENFORCE. Lambda blocks the deployment.',
)

/** The refusal of a signature that is not of its package, under either policy. */
export const brokenSignature: AwsError = awsError(
  'InvalidCodeSignatureException',
  'The code signature failed the integrity check. If the integrity check fails, then Lambda blocks deployment, even if the code signing policy is set to WARN.',
)

/** The ARNs that AWS shows for the signature of a package that was trusted. */
export function describeSignature({ signature }: CodeLocation) {
  if (signature?.publisher === undefined) return undefined
  const prefix = signature.publisher.slice(0, signature.publisher.indexOf('/'))
  return { SigningProfileVersionArn: signature.publisher, SigningJobArn: `${prefix}/signing-jobs/${signature.jobId}` }
}
