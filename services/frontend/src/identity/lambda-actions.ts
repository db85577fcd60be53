import type { OperationInputs, OperationName } from '@weft/aws'
import { functionArn, parseFunctionRef } from '@weft/contracts'
import type { Scope } from '@weft/registry'
import type { RequestContext } from './authorizer.ts'

/** What an operation of the Lambda API is called in policies, where that is not its own name. */
const actions: Partial<Record<OperationName, string>> = {
  Invoke: 'InvokeFunction',
  InvokeAsync: 'InvokeFunction',
  InvokeWithResponseStream: 'InvokeFunction',
  GetLayerVersionByArn: 'GetLayerVersion',
}

/** Service authorization reference, "Actions, resources, and condition keys for AWS Lambda". */
export const lambdaAction = (operation: OperationName): string => `lambda:${actions[operation] ?? operation}`

/** Members that name what an operation is about, as far as it has them. */
interface Naming {
  readonly FunctionName?: string | undefined
  readonly Qualifier?: string | undefined
  readonly Resource?: string | undefined
  readonly ResourceArn?: string | undefined
  readonly UUID?: string | undefined
  readonly LayerName?: string | undefined
  readonly VersionNumber?: number | undefined
  readonly Arn?: string | undefined
  readonly CodeSigningConfigArn?: string | undefined
}

export type LambdaInput = OperationInputs[OperationName]

/** The operations on a mapping name it by its id, or are about all of them. */
const ofMappings: ReadonlySet<OperationName> = new Set([
  'CreateEventSourceMapping',
  'GetEventSourceMapping',
  'UpdateEventSourceMapping',
  'DeleteEventSourceMapping',
  'ListEventSourceMappings',
])

/** ARN of what an operation is about; `*` for what is about all of an account. */
export function lambdaResource(scope: Scope, operation: OperationName, input: LambdaInput): string {
  const named = input as Naming
  const prefix = `arn:aws:lambda:${scope.region}:${scope.accountId}`
  if (ofMappings.has(operation)) return named.UUID === undefined ? '*' : `${prefix}:event-source-mapping:${named.UUID}`
  if (named.FunctionName !== undefined) return functionResource(scope, named.FunctionName, named.Qualifier) ?? '*'
  if (named.Resource !== undefined) return named.Resource
  if (named.ResourceArn !== undefined) return named.ResourceArn
  if (named.LayerName !== undefined) {
    const layer = named.LayerName.startsWith('arn:') ? named.LayerName : `${prefix}:layer:${named.LayerName}`
    return named.VersionNumber === undefined ? layer : `${layer}:${named.VersionNumber}`
  }
  return named.Arn ?? named.CodeSigningConfigArn ?? '*'
}

/** Undefined for a reference that no function can have. */
export function functionResource(scope: Scope, ref: string, qualifier?: string): string | undefined {
  const parsed = parseFunctionRef(ref)
  if (!parsed.ok) return undefined
  const { functionName, accountId = scope.accountId, region = scope.region, qualifier: derived } = parsed.value
  return functionArn(region, accountId, functionName, derived ?? qualifier)
}

/** Members whose values policies may ask for. */
interface Telling {
  readonly Principal?: string | undefined
  readonly AuthType?: string | undefined
  readonly FunctionUrlAuthType?: string | undefined
  readonly Layers?: readonly string[] | undefined
  readonly CodeSigningConfigArn?: string | undefined
  readonly VpcConfig?:
    | { readonly SubnetIds?: readonly string[]; readonly SecurityGroupIds?: readonly string[] }
    | undefined
  readonly Tags?: Readonly<Record<string, string>> | undefined
  readonly TagKeys?: readonly string[] | undefined
}

/** Condition keys of the request; same reference. */
export function lambdaContext(input: LambdaInput): RequestContext {
  const { Principal, AuthType, FunctionUrlAuthType, Layers, CodeSigningConfigArn, VpcConfig, Tags, TagKeys } =
    input as Telling
  return {
    'lambda:principal': Principal,
    'lambda:functionurlauthtype': AuthType ?? FunctionUrlAuthType,
    'lambda:layer': Layers,
    'lambda:codesigningconfigarn': CodeSigningConfigArn,
    'lambda:subnetids': VpcConfig?.SubnetIds,
    'lambda:securitygroupids': VpcConfig?.SecurityGroupIds,
    'aws:tagkeys': TagKeys ?? (Tags && Object.keys(Tags)),
    ...Object.fromEntries(
      Object.entries(Tags ?? {}).map(([key, value]) => [`aws:requesttag/${key.toLowerCase()}`, value]),
    ),
  }
}
