import type { AccountId } from '@weft/contracts'
import type { Role } from './records.ts'

/** A role that every account is born with, for those who do not want to think about permissions yet. */
export const fullAccessRoleName = 'weft-full-access'

/** Lambda may assume it, and so may whoever in the account is allowed to. */
export const lambdaTrust = (account?: AccountId): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: {
          Service: 'lambda.amazonaws.com',
          ...(account !== undefined && { AWS: `arn:aws:iam::${account}:root` }),
        },
        Action: 'sts:AssumeRole',
      },
    ],
  })

const made = new Map<AccountId, Role>()

export function fullAccessRole(accountId: AccountId): Role {
  const known = made.get(accountId)
  if (known) return known
  const role: Role = {
    kind: 'role',
    accountId,
    name: fullAccessRoleName,
    path: '/',
    id: `AROAWEFTFULLACCESS${accountId.slice(-3)}`,
    createdAtMs: 0,
    tags: {},
    description: 'Allows everything in this account. Every account has it; it cannot be changed.',
    trustPolicy: lambdaTrust(accountId),
    maxSessionSeconds: 43_200,
    inlinePolicies: {},
    attachedPolicies: ['arn:aws:iam::aws:policy/AdministratorAccess'],
  }
  made.set(accountId, role)
  return role
}
