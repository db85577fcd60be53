import {
  type AwsError,
  type FunctionVersion,
  type LayerReference,
  limits,
  ok,
  type Result,
  type VpcSettings,
} from '@weft/contracts'
import { invalidParameter, notServed } from './errors.ts'
import { imageSettingsOf } from './images.ts'
import type { SettingsInput } from './inputs.ts'
import { howToOffer } from './runtimes.ts'
import type { Offer, Scope } from './scope.ts'
import { takesDeadLetters } from './targets.ts'

/** The part of a version that its configuration decides. */
export type Settings = Pick<
  FunctionVersion,
  | 'description'
  | 'runtime'
  | 'handler'
  | 'role'
  | 'timeoutMs'
  | 'memoryMb'
  | 'ephemeralStorageMb'
  | 'environment'
  | 'environmentError'
  | 'kmsKeyArn'
  | 'logFormat'
  | 'logGroup'
  | 'applicationLogLevel'
  | 'systemLogLevel'
  | 'vpc'
  | 'tracingMode'
  | 'deadLetterTargetArn'
  | 'layers'
  | 'imageConfig'
  | 'snapStart'
>

/** Developer guide, "Defined runtime environment variables": those that functions may not set. */
const reservedKeys = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_LAMBDA_RUNTIME_API',
  'LAMBDA_TASK_ROOT',
  'LAMBDA_RUNTIME_DIR',
  'AWS_LAMBDA_MAX_CONCURRENCY',
])

/**
 * Lays the members of a request over settings; absent ones keep what was. `layers` are those that `Layers` names, as they
 * were found. Errors: InvalidParameterValueException.
 */
export function applySettings<S extends Settings>(
  base: S,
  input: SettingsInput,
  layers: readonly LayerReference[] | undefined,
  scope: Scope,
  offer: Offer,
): Result<S, AwsError> {
  const problem =
    checkUnserved(input) ?? checkRuntime(input.Runtime, offer) ?? checkEnvironment(input.Environment?.Variables)
  if (problem) return problem
  const target = deadLetterTarget(base.deadLetterTargetArn, input.DeadLetterConfig?.TargetArn, scope)
  if (!target.ok) return target
  const logging = loggingOf(base, input.LoggingConfig)
  if (!logging.ok) return logging
  const vpc = vpcOf(base.vpc, input.VpcConfig, offer)
  if (!vpc.ok) return vpc
  const { deadLetterTargetArn: _target, layers: before, vpc: _vpc, environmentError, ...variables } = base
  const { kmsKeyArn: _key, snapStart: snapStartBefore, imageConfig: imageConfigBefore, ...others } = variables
  const kmsKeyArn = input.KMSKeyArn ?? base.kmsKeyArn
  const { applicationLogLevel: _application, systemLogLevel: _system, ...rest } = others
  const used = layers ?? before ?? []
  const imageConfig = imageSettingsOf(imageConfigBefore, input.ImageConfig)
  const applyOn = input.SnapStart?.ApplyOn
  const snapStart = applyOn === undefined ? snapStartBefore : applyOn === 'PublishedVersions'
  return ok({
    ...rest,
    ...logging.value,
    description: input.Description ?? base.description,
    runtime: input.Runtime ?? base.runtime,
    handler: input.Handler ?? base.handler,
    role: input.Role ?? base.role,
    timeoutMs: input.Timeout === undefined ? base.timeoutMs : input.Timeout * 1000,
    memoryMb: input.MemorySize ?? base.memoryMb,
    ephemeralStorageMb: input.EphemeralStorage?.Size ?? base.ephemeralStorageMb,
    environment: input.Environment ? (input.Environment.Variables ?? {}) : base.environment,
    // New variables take the place of those that could not be opened.
    ...(!input.Environment && environmentError && { environmentError }),
    ...(kmsKeyArn && { kmsKeyArn }),
    tracingMode: input.TracingConfig?.Mode ?? base.tracingMode,
    ...(target.value !== '' && { deadLetterTargetArn: target.value }),
    ...(used.length > 0 && { layers: used }),
    ...(imageConfig && { imageConfig }),
    ...(vpc.value && { vpc: vpc.value }),
    ...(snapStart && { snapStart }),
  } as S)
}

function checkUnserved(input: SettingsInput): Result<never, AwsError> | undefined {
  if (input.FileSystemConfigs?.length) return notServed('FileSystemConfigs')
  if (input.CapacityProviderConfig) return notServed('CapacityProviderConfig')
  return input.DurableConfig ? notServed('DurableConfig') : undefined
}

/** AWS's words for an unknown runtime, with the runtimes that the workers of this fabric offer, and how to have this one. */
export function checkRuntime(runtime: string | undefined, offer: Offer): Result<never, AwsError> | undefined {
  if (runtime === undefined || offer.runtimes.includes(runtime)) return undefined
  const refusal = `Value ${runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [${offer.runtimes.join(', ')}] or be a valid ARN`
  const way = howToOffer(runtime)
  return invalidParameter(way === undefined ? refusal : `${refusal}. ${way}`)
}

export function checkArchitectures(
  architectures: readonly string[] | undefined,
  offer: Offer,
): Result<never, AwsError> | undefined {
  const missing = architectures?.find((one) => !(offer.architectures as readonly string[]).includes(one))
  if (missing === undefined) return undefined
  return invalidParameter(`Architecture ${missing} is not offered by the workers: [${offer.architectures.join(', ')}]`)
}

function checkEnvironment(
  variables: Readonly<Record<string, string>> | undefined,
): Result<never, AwsError> | undefined {
  if (!variables) return undefined
  const reserved = Object.keys(variables).filter((key) => reservedKeys.has(key))
  if (reserved.length > 0)
    return invalidParameter(
      `Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`,
    )
  const broken = Object.entries(variables).find(([, value]) => value.includes('\0'))
  if (broken)
    return invalidParameter(`The value of environment variable ${broken[0]} must not contain a NUL character.`)
  const measured = JSON.stringify(variables)
  if (Buffer.byteLength(measured) <= limits.environmentBytes) return undefined
  return invalidParameter(
    `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: ${measured}`,
  )
}

/** "" when there is none. */
function deadLetterTarget(
  base: string | undefined,
  wanted: string | undefined,
  scope: Scope,
): Result<string, AwsError> {
  if (wanted === undefined) return ok(base ?? '')
  if (wanted === '') return ok('')
  if (!takesDeadLetters(wanted, scope))
    return invalidParameter(
      `The dead-letter target must be a topic, or a JetStream stream, subject or queue, of this account and region: arn:aws:sns:${scope.region}:${scope.accountId}:NAME, arn:aws:jetstream:${scope.region}:${scope.accountId}:stream/NAME or …:subject/SUBJECT`,
    )
  return ok(wanted)
}

type Logging = Pick<Settings, 'logFormat' | 'logGroup' | 'applicationLogLevel' | 'systemLogLevel'>

/** Levels belong to the JSON format: they go when a request turns to Text. */
function loggingOf(base: Settings, input: SettingsInput['LoggingConfig']): Result<Logging, AwsError> {
  const logFormat = input?.LogFormat ?? base.logFormat
  const logGroup = input?.LogGroup ?? base.logGroup
  if (logFormat === 'Text') {
    if (input?.ApplicationLogLevel === undefined && input?.SystemLogLevel === undefined)
      return ok({ logFormat, logGroup })
    return invalidParameter(
      'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "JSON" and try again.',
    )
  }
  const applicationLogLevel = input?.ApplicationLogLevel ?? base.applicationLogLevel
  const systemLogLevel = input?.SystemLogLevel ?? base.systemLogLevel
  return ok({
    logFormat,
    logGroup,
    ...(applicationLogLevel && { applicationLogLevel }),
    ...(systemLogLevel && { systemLogLevel }),
  })
}

/** A network must be one that workers know; two empty lists leave the networks. */
function vpcOf(
  base: VpcSettings | undefined,
  input: SettingsInput['VpcConfig'],
  { networks = [] }: Offer,
): Result<VpcSettings | undefined, AwsError> {
  if (!input) return ok(base)
  if (input.Ipv6AllowedForDualStack) return notServed('Ipv6AllowedForDualStack')
  const subnetIds = input.SubnetIds ?? []
  const securityGroupIds = input.SecurityGroupIds ?? []
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0))
    return invalidParameter('SubnetIds and SecurityIds must coexist or be both empty list.')
  if (subnetIds.length === 0) return ok(undefined)
  const subnet = subnetIds.find((one) => !networks.includes(one))
  if (subnet !== undefined)
    return invalidParameter(
      `Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '${subnet}' does not exist`,
    )
  const group = securityGroupIds.find((one) => !networks.includes(one))
  if (group !== undefined)
    return invalidParameter(
      `Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group '${group}' does not exist`,
    )
  return ok({ subnetIds, securityGroupIds })
}
