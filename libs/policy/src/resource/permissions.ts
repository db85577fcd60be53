import {
  type AwsError,
  awsError,
  err,
  limits,
  ok,
  type PolicyStatement,
  type ResourcePolicy,
  type Result,
} from '@weft/contracts'

/** What AddPermission and AddLayerVersionPermission say in common. */
export interface PermissionInput {
  readonly statementId: string
  /** `lambda:InvokeFunction`. */
  readonly action: string
  /** Account id, ARN of the root, a role or a user, service, or `*`. */
  readonly principal: string
  /** ARN that the statement is about, qualifier or version included. */
  readonly resource: string
  readonly sourceArn?: string | undefined
  readonly sourceAccount?: string | undefined
  readonly eventSourceToken?: string | undefined
  readonly functionUrlAuthType?: string | undefined
  readonly invokedViaFunctionUrl?: boolean | undefined
  readonly principalOrgId?: string | undefined
}

const invalid = (message: string): Result<never, AwsError> => err(awsError('InvalidParameterValueException', message))
const notFound = (message: string): Result<never, AwsError> => err(awsError('ResourceNotFoundException', message))

/** AWS: 412 of the three operations on policies. */
export const stalePolicy: AwsError = awsError(
  'PreconditionFailedException',
  'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id',
)

/** The statement as AWS writes it. Errors: InvalidParameterValue for a principal that is none. */
export function permissionStatement(input: PermissionInput): Result<PolicyStatement, AwsError> {
  const principal = principalOf(input.principal)
  if (principal === undefined)
    return invalid('The provided principal was invalid. Please check the principal and try again.')
  if (input.functionUrlAuthType !== undefined && input.action !== 'lambda:InvokeFunctionUrl')
    return invalid('FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action')
  const condition = conditionOf(input)
  return ok({
    Sid: input.statementId,
    Effect: 'Allow',
    Principal: principal,
    Action: input.action,
    Resource: input.resource,
    ...(condition && { Condition: condition }),
  })
}

function principalOf(text: string): PolicyStatement['Principal'] | undefined {
  if (text === '*') return '*'
  if (/^\d{12}$/.test(text)) return { AWS: `arn:aws:iam::${text}:root` }
  if (/^arn:aws:iam::\d{12}:(root|(user|role)\/[\w+=,.@/-]+)$/.test(text)) return { AWS: text }
  if (/^arn:aws:sts::\d{12}:assumed-role\/[\w+=,.@-]+\/[\w+=,.@-]+$/.test(text)) return { AWS: text }
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws|amazon)\.com$/.test(text)) return { Service: text }
  return undefined
}

/** The order and the case of the keys are AWS's. */
function conditionOf(input: PermissionInput): PolicyStatement['Condition'] | undefined {
  const equals = {
    ...(input.functionUrlAuthType !== undefined && { 'lambda:FunctionUrlAuthType': input.functionUrlAuthType }),
    ...(input.principalOrgId !== undefined && { 'aws:PrincipalOrgID': input.principalOrgId }),
    ...(input.sourceAccount !== undefined && { 'AWS:SourceAccount': input.sourceAccount }),
    ...(input.eventSourceToken !== undefined && { 'lambda:EventSourceToken': input.eventSourceToken }),
  }
  const condition = {
    ...(Object.keys(equals).length > 0 && { StringEquals: equals }),
    ...(input.invokedViaFunctionUrl !== undefined && {
      Bool: { 'lambda:InvokedViaFunctionUrl': String(input.invokedViaFunctionUrl) },
    }),
    ...(input.sourceArn !== undefined && { ArnLike: { 'AWS:SourceArn': input.sourceArn } }),
  }
  return Object.keys(condition).length > 0 ? condition : undefined
}

/**
 * A policy with one more statement; the first makes the policy. Errors: PreconditionFailed, ResourceConflict (the id is
 * taken), PolicyLengthExceeded (20 KB).
 */
export function addStatement(
  policy: ResourcePolicy | undefined,
  statement: PolicyStatement,
  revisionId: string,
  expected?: string,
): Result<ResourcePolicy, AwsError> {
  if (expected !== undefined && expected !== policy?.revisionId) return err(stalePolicy)
  const statements = policy?.statements ?? []
  if (statements.some((one) => one.Sid === statement.Sid))
    return err(
      awsError(
        'ResourceConflictException',
        `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
      ),
    )
  const grown = { revisionId, statements: [...statements, statement] }
  const sizeBytes = Buffer.byteLength(printPolicy(grown))
  if (sizeBytes > limits.resourcePolicyBytes)
    return err(
      awsError(
        'PolicyLengthExceededException',
        `The final policy size (${sizeBytes}) is bigger than the limit (${limits.resourcePolicyBytes}).`,
      ),
    )
  return ok(grown)
}

/** A policy without a statement; undefined when it was the last. Errors: ResourceNotFound, PreconditionFailed. */
export function removeStatement(
  policy: ResourcePolicy | undefined,
  statementId: string,
  revisionId: string,
  expected?: string,
): Result<ResourcePolicy | undefined, AwsError> {
  if (!policy) return notFound('No policy is associated with the given resource.')
  const statements = policy.statements.filter((one) => one.Sid !== statementId)
  if (statements.length === policy.statements.length)
    return notFound(`Statement ${statementId} is not found in resource policy.`)
  if (expected !== undefined && expected !== policy.revisionId) return err(stalePolicy)
  return ok(statements.length === 0 ? undefined : { revisionId, statements })
}

/** The document as GetPolicy prints it. */
export const printPolicy = (policy: ResourcePolicy): string =>
  JSON.stringify({ Version: '2012-10-17', Id: 'default', Statement: policy.statements })
