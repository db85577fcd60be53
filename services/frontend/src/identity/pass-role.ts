import { type AwsError, awsError } from '@weft/contracts'
import { parseIdentityArn } from '@weft/policy'
import type { Principal } from '../doors/door.ts'
import type { Authorizer } from './authorizer.ts'

/**
 * Who gives a service a role lends it the role's rights, so it needs `iam:PassRole` on it. Roles of other accounts cannot be
 * lent. Errors: AccessDenied.
 */
export function refuseLending(
  authorizer: Authorizer,
  principal: Principal,
  roleArn: string,
  service: string,
  resource?: string,
): AwsError | undefined {
  const named = parseIdentityArn(roleArn)
  if (named?.kind !== 'role') return undefined
  if (named.accountId !== principal.accountId)
    return awsError('AccessDeniedException', 'Cross-account pass role is not allowed.')
  return authorizer.authorize(principal, {
    action: 'iam:PassRole',
    resource: roleArn,
    context: { 'iam:passedtoservice': service, 'iam:associatedresourcearn': resource },
  })
}

/** Deeper than any request names a role. */
const deepest = 8

/** The roles that a request names, wherever in it they stand: members called `RoleArn`. */
export function rolesIn(input: unknown, depth = 0): readonly string[] {
  if (typeof input !== 'object' || input === null || depth > deepest) return []
  return Object.entries(input).flatMap(([name, value]) =>
    name === 'RoleArn' && typeof value === 'string' ? [value] : rolesIn(value, depth + 1),
  )
}
