import { type AccountId, ok, type Result } from '@weft/contracts'
import { type IamError, iamError } from './errors.ts'
import { iamQuotas } from './quotas.ts'
import type { EntityStamp, Group, User } from './records.ts'

export const createGroup = (
  accountId: AccountId,
  { name, path }: Pick<Group, 'name' | 'path'>,
  stamp: EntityStamp,
): Group => ({
  kind: 'group',
  accountId,
  name,
  path,
  id: `AGPA${stamp.idSuffix}`,
  createdAtMs: stamp.nowMs,
  tags: {},
  inlinePolicies: {},
  attachedPolicies: [],
})

/** Groups are meant whatever their case, as names are. */
export const isMember = (user: User, group: string): boolean =>
  user.groups?.some((one) => one.toLowerCase() === group.toLowerCase()) ?? false

/** Adding twice is adding once. Errors: LimitExceeded. */
export function joinGroup(user: User, group: string): Result<User, IamError> {
  if (isMember(user, group)) return ok(user)
  const groups = [...(user.groups ?? []), group]
  if (groups.length > iamQuotas.groupsPerUser)
    return iamError('LimitExceeded', `Cannot exceed quota for GroupsPerUser: ${iamQuotas.groupsPerUser}`)
  return ok({ ...user, groups })
}

export function leaveGroup(user: User, group: string): Result<User, IamError> {
  if (!isMember(user, group)) return iamError('NoSuchEntity', `User ${user.name} is not in group ${group}.`)
  return ok({ ...user, groups: (user.groups ?? []).filter((one) => one.toLowerCase() !== group.toLowerCase()) })
}
