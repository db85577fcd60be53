import { ok, type Result } from '@weft/contracts'
import {
  arnOfIdentity,
  checkDeletable,
  createGroup,
  type Group,
  type IamError,
  iamError,
  iamQuotas,
  identityExists,
  isMember,
  joinGroup,
  leaveGroup,
  noSuchIdentity,
} from '@weft/policy'
import type { XmlMembers } from '../s3/xml.ts'
import {
  arnOf,
  change,
  checked,
  create,
  find,
  type IamCall,
  type IamOperation,
  type IamOperations,
  iamDate,
  names,
  page,
  pathRule,
  remove,
  stampOf,
} from './call.ts'
import { holderPolicyOperations } from './holder-operations.ts'
import { describeUser } from './user-operations.ts'

const nameOf = ({ params }: IamCall): string => params.required('GroupName', names.group)
const userOf = ({ params }: IamCall): string => params.required('UserName', names.user)
const resource = (call: IamCall): string => arnOf(call, 'group', nameOf(call))
const operation = (run: IamOperation['run']): IamOperation => ({ resource, run })

const describe = (group: Group): XmlMembers => ({
  Path: group.path,
  GroupName: group.name,
  GroupId: group.id,
  Arn: arnOfIdentity(group),
  CreateDate: iamDate(group.createdAtMs),
})

const membersOf = ({ account, identities }: IamCall, group: string) =>
  identities.users(account).filter((user) => isMember(user, group))

async function look(call: IamCall): Promise<Result<Group, IamError>> {
  const name = nameOf(call)
  const sound = checked(call.params)
  if (!sound.ok) return sound
  const group = await find(call, 'group', name)
  return group ? ok(group) : noSuchIdentity('group', name)
}

/** Groups of users, and who is in them. IAM API reference. */
export const groupOperations: IamOperations = {
  ...holderPolicyOperations('group'),
  CreateGroup: {
    resource: (call) => arnOf(call, 'group', nameOf(call), call.params.optional('Path', pathRule)),
    async run(call) {
      const { params, account, identities } = call
      const name = nameOf(call)
      const path = params.optional('Path', pathRule) ?? '/'
      const sound = checked(params)
      if (!sound.ok) return sound
      if (identities.groups(account).length >= iamQuotas.groupsPerAccount)
        return iamError('LimitExceeded', `Cannot exceed quota for GroupsPerAccount: ${iamQuotas.groupsPerAccount}`)
      const made = ok(createGroup(account, { name, path }, stampOf(call)))
      const created = await create(call, made, identityExists('group', name))
      return created.ok ? ok({ Group: describe(created.value) }) : created
    },
  },
  GetGroup: operation(async (call) => {
    const group = await look(call)
    if (!group.ok) return group
    const shown = page(call, membersOf(call, group.value.name), (user) => user.name)
    if (!shown.ok) return shown
    const member = shown.value.items.map((user) => describeUser(user, false))
    return ok({ Group: describe(group.value), Users: { member }, ...shown.value.paging })
  }),
  ListGroups: {
    resource: ({ account }) => `arn:aws:iam::${account}:group/`,
    run(call) {
      const prefix = call.params.optional('PathPrefix', { min: 1, max: 512 }) ?? '/'
      const groups = call.identities.groups(call.account).filter((group) => group.path.startsWith(prefix))
      const shown = page(call, groups, (group) => group.name)
      return shown.ok ? ok({ Groups: { member: shown.value.items.map(describe) }, ...shown.value.paging }) : shown
    },
  },
  UpdateGroup: operation(async (call) => {
    const name = nameOf(call)
    const path = call.params.optional('NewPath', pathRule)
    const renamed = call.params.optional('NewGroupName', names.group)
    const sound = checked(call.params)
    if (!sound.ok) return sound
    // Members are kept by the group's name.
    if (renamed !== undefined && renamed !== name)
      return iamError('ValidationError', 'Renaming a group is not served by this fabric.')
    const changed = await change(call, 'group', name, (group) => ok({ ...group, ...(path !== undefined && { path }) }))
    return changed.ok ? ok(undefined) : changed
  }),
  DeleteGroup: operation((call) => {
    const name = nameOf(call)
    const sound = checked(call.params)
    if (!sound.ok) return sound
    return remove(call, 'group', name, (group) =>
      membersOf(call, group.name).length > 0
        ? iamError('DeleteConflict', 'Cannot delete entity, must remove users from group first.')
        : checkDeletable(group),
    )
  }),
  AddUserToGroup: operation(async (call) => {
    const user = userOf(call)
    const group = await look(call)
    if (!group.ok) return group
    const changed = await change(call, 'user', user, (one) => joinGroup(one, group.value.name))
    return changed.ok ? ok(undefined) : changed
  }),
  RemoveUserFromGroup: operation(async (call) => {
    const user = userOf(call)
    const group = await look(call)
    if (!group.ok) return group
    const changed = await change(call, 'user', user, (one) => leaveGroup(one, group.value.name))
    return changed.ok ? ok(undefined) : changed
  }),
  ListGroupsForUser: {
    resource: (call) => arnOf(call, 'user', userOf(call)),
    async run(call) {
      const name = userOf(call)
      const sound = checked(call.params)
      if (!sound.ok) return sound
      const user = await find(call, 'user', name)
      if (!user) return noSuchIdentity('user', name)
      const groups = (user.groups ?? []).flatMap((one) => call.identities.group(call.account, one) ?? [])
      const shown = page(
        call,
        groups.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
        (group) => group.name,
      )
      return shown.ok ? ok({ Groups: { member: shown.value.items.map(describe) }, ...shown.value.paging }) : shown
    },
  },
}
