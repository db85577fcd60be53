import { type AccountId, ok, type Result } from '@weft/contracts'
import { type IamError, iamError } from './errors.ts'
import { fullAccessRoleName } from './full-access.ts'
import { checkDocument, type Tag, withTags } from './holders.ts'
import { iamQuotas } from './quotas.ts'
import type { EntityStamp, Role } from './records.ts'

export interface CreateRoleInput {
  readonly name: string
  readonly path: string
  readonly trustPolicy: string
  readonly description?: string | undefined
  readonly maxSessionSeconds?: number | undefined
  readonly permissionsBoundary?: string | undefined
  readonly tags: readonly Tag[]
}

export function createRole(accountId: AccountId, input: CreateRoleInput, stamp: EntityStamp): Result<Role, IamError> {
  const trust = checkTrust(input.trustPolicy)
  if (!trust.ok) return trust
  return withTags<Role>(
    {
      kind: 'role',
      accountId,
      name: input.name,
      path: input.path,
      id: `AROA${stamp.idSuffix}`,
      createdAtMs: stamp.nowMs,
      tags: {},
      ...(input.description !== undefined && { description: input.description }),
      trustPolicy: input.trustPolicy,
      maxSessionSeconds: input.maxSessionSeconds ?? iamQuotas.sessionSeconds.min,
      inlinePolicies: {},
      attachedPolicies: [],
      ...(input.permissionsBoundary !== undefined && { permissionsBoundary: input.permissionsBoundary }),
    },
    input.tags,
  )
}

/** Errors: MalformedPolicyDocument, LimitExceeded. */
export const checkTrust = (document: string): Result<void, IamError> =>
  checkDocument(
    document,
    'trust',
    iamQuotas.trustPolicyCharacters,
    `Cannot exceed quota for ACLSizePerRole: ${iamQuotas.trustPolicyCharacters}`,
  )

/** Where roles lie that a service has asked for; they are deleted by their own operation. */
export const serviceLinkedPath = '/aws-service-role/'

export const isServiceLinked = ({ path }: Pick<Role, 'path'>): boolean => path.startsWith(serviceLinkedPath)

/** The role that every account is born with stays as it is. */
export const checkModifiable = (name: string): Result<void, IamError> =>
  name.toLowerCase() === fullAccessRoleName
    ? iamError(
        'UnmodifiableEntity',
        `Cannot perform the operation on the protected role '${fullAccessRoleName}' - this role is part of every account`,
      )
    : ok(undefined)
