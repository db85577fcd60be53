import { type AccountId, type AwsError, awsError, type FunctionRecord } from '@weft/contracts'
import {
  accessOf,
  arnOfIdentity,
  decide,
  evaluate,
  type Identities,
  parseIdentityArn,
  type Role,
  trustOf,
} from '@weft/policy'
import type { Principal } from '../doors/door.ts'
import type { Authorizer } from './authorizer.ts'
import type { LambdaInput } from './lambda-actions.ts'
import { refuseLending } from './pass-role.ts'

export interface ExecutionRoleDeps {
  readonly authorizer: Authorizer
  readonly identities: Identities
}

/** A role as a function names it; undefined for one that was never made, or has been deleted. */
function madeRole(identities: Identities, roleArn: string): Role | undefined {
  const named = parseIdentityArn(roleArn)
  const role = named?.kind === 'role' ? identities.role(named.accountId, named.name) : undefined
  return role && arnOfIdentity(role) === roleArn ? role : undefined
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

/** What a role must be allowed to do for a target, and how AWS tells that it is not. Streams are the account's own. */
const sending: Readonly<Record<string, readonly [action: string, told: string]>> = {
  lambda: ['lambda:InvokeFunction', 'InvokeFunction on Lambda'],
  events: ['events:PutEvents', 'PutEvents on EventBridge'],
  sns: ['sns:Publish', 'Publish on SNS'],
  s3: ['s3:PutObject', 'PutObject on S3'],
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
  accountId: AccountId,
  record: FunctionRecord | undefined,
  input: LambdaInput,
): AwsError | undefined {
  const role = record && madeRole(identities, record.latest.role)
  if (!role) return undefined
  const { identity, boundary } = accessOf(identities, role)
  const arn = arnOfIdentity(role)
  const may = (action: string, resource: string): boolean =>
    decide({
      ...{ subject: { accountId, arn, roleArn: arn }, action, resource },
      ...{ resourceAccount: accountId, context: () => undefined, identity },
      ...(boundary && { boundary }),
    }).allowed
  for (const target of targetsIn(input)) {
    const [action, told] = sending[target.split(':')[2] ?? ''] ?? []
    if (action !== undefined && !may(action, action === 's3:PutObject' ? `${target}/*` : target))
      return awsError(
        'InvalidParameterValueException',
        `The function execution role does not have permissions to call ${told}`,
      )
  }
  return undefined
}
