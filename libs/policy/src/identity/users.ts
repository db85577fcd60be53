import { type AccountId, ok, type Result } from '@weft/contracts'
import { type IamError, iamError } from './errors.ts'
import { type Tag, withTags } from './holders.ts'
import { iamQuotas } from './quotas.ts'
import type { EntityStamp, User, UserAccessKey } from './records.ts'

export interface CreateUserInput {
  readonly name: string
  readonly path: string
  readonly permissionsBoundary?: string | undefined
  readonly tags: readonly Tag[]
}

export const createUser = (accountId: AccountId, input: CreateUserInput, stamp: EntityStamp): Result<User, IamError> =>
  withTags<User>(
    {
      kind: 'user',
      accountId,
      name: input.name,
      path: input.path,
      id: `AIDA${stamp.idSuffix}`,
      createdAtMs: stamp.nowMs,
      tags: {},
      inlinePolicies: {},
      attachedPolicies: [],
      accessKeys: [],
      ...(input.permissionsBoundary !== undefined && { permissionsBoundary: input.permissionsBoundary }),
    },
    input.tags,
  )

/** Errors: LimitExceeded: two keys, so that one can be exchanged for another. */
export function addAccessKey(user: User, key: UserAccessKey): Result<User, IamError> {
  if (user.accessKeys.length >= iamQuotas.accessKeysPerUser)
    return iamError('LimitExceeded', `Cannot exceed quota for AccessKeysPerUser: ${iamQuotas.accessKeysPerUser}`)
  return ok({ ...user, accessKeys: [...user.accessKeys, key] })
}

/** `change` gives the key anew, or undefined to take it away. Errors: NoSuchEntity. */
export function changeAccessKey(
  user: User,
  accessKeyId: string,
  change: (key: UserAccessKey) => UserAccessKey | undefined,
): Result<User, IamError> {
  if (!user.accessKeys.some((key) => key.accessKeyId === accessKeyId))
    return iamError('NoSuchEntity', `The Access Key with id ${accessKeyId} cannot be found.`)
  return ok({
    ...user,
    accessKeys: user.accessKeys.flatMap((key) => (key.accessKeyId === accessKeyId ? (change(key) ?? []) : [key])),
  })
}
