import { type AccountId, type AwsError, awsError, type FunctionRecord } from '@weft/contracts'
import { deadLetterRefusal, evaluate, type Identities, madeRole, roleMay, sourceRefusal, trustOf } from '@weft/policy'
import type { Principal } from '../doors/door.ts'
import type { Authorizer } from './authorizer.ts'
import type { LambdaInput } from './lambda-actions.ts'
import { refuseLending } from './pass-role.ts'

export interface ExecutionRoleDeps {
  readonly authorizer: Authorizer
  readonly identities: Identities
}

/**
 * A function is given a role by who may lend it, and only one that trusts Lambda. A role that was never made is taken, for
 * beginners' sake; its functions may do nothing at the doors.
 */
export function refusePassing(
  { authorizer, identities }: ExecutionRoleDeps,
  principal: Principal,
  roleArn: string,
  functionArn: string,
): AwsError | undefined {
  const refused = refuseLending(authorizer, principal, roleArn, 'lambda.amazonaws.com', functionArn)
  if (refused) return refused
  const role = madeRole(identities, roleArn)
  if (!role) return undefined
  const trusted = evaluate([trustOf(role)], {
    subject: { service: 'lambda.amazonaws.com' },
    action: 'sts:AssumeRole',
    resource: roleArn,
    context: (key) =>
      key === 'aws:sourcearn' ? functionArn : key === 'aws:sourceaccount' ? principal.accountId : undefined,
  })
  if (trusted.kind === 'allow') return undefined
  return awsError('InvalidParameterValueException', 'The role defined for the function cannot be assumed by Lambda.')
}

/** What a role must be allowed to do for a target, and how AWS tells that it is not. */
const sending: Readonly<Record<string, readonly [action: string, told: string]>> = {
  lambda: ['lambda:InvokeFunction', 'InvokeFunction on Lambda'],
  events: ['events:PutEvents', 'PutEvents on EventBridge'],
  sns: ['sns:Publish', 'Publish on SNS'],
  s3: ['s3:PutObject', 'PutObject on S3'],
  jetstream: ['jetstream:Publish', 'Publish on JetStream'],
}

/** Where a request makes a function's events go. */
function targetsIn(input: LambdaInput): readonly string[] {
  const { DestinationConfig } = input as {
    readonly DestinationConfig?: Readonly<Record<'OnSuccess' | 'OnFailure', { readonly Destination?: string }>>
  }
  return [DestinationConfig?.OnSuccess?.Destination, DestinationConfig?.OnFailure?.Destination].filter(
    (arn) => arn !== undefined,
  )
}

/** Events are sent on with the rights of the function's role, where it has one that was made. */
export function refuseTargets(
  { identities }: ExecutionRoleDeps,
  record: FunctionRecord | undefined,
  input: LambdaInput,
): AwsError | undefined {
  const role = record && madeRole(identities, record.latest.role)
  if (!role) return undefined
  for (const target of targetsIn(input)) {
    const [action, told] = sending[target.split(':')[2] ?? ''] ?? []
    if (action !== undefined && !roleMay(identities, role, action, action === 's3:PutObject' ? `${target}/*` : target))
      return awsError(
        'InvalidParameterValueException',
        `The function execution role does not have permissions to call ${told}`,
      )
  }
  return undefined
}

/** The role that a function has, or is being given, must let it read its source and send to its dead-letter target. */
export function refuseRights(
  { identities }: ExecutionRoleDeps,
  accountId: AccountId,
  record: FunctionRecord | undefined,
  input: LambdaInput,
): AwsError | undefined {
  const { Role, EventSourceArn, DeadLetterConfig } = input as {
    readonly Role?: string
    readonly EventSourceArn?: string
    readonly DeadLetterConfig?: { readonly TargetArn?: string }
  }
  const role = Role ?? record?.latest.role
  const target = DeadLetterConfig?.TargetArn
  if (role === undefined) return undefined
  const refusal =
    (EventSourceArn === undefined ? undefined : sourceRefusal(identities, accountId, role, EventSourceArn)) ??
    (target ? deadLetterRefusal(identities, role, target) : undefined)
  return refusal === undefined ? undefined : awsError('InvalidParameterValueException', refusal)
}
