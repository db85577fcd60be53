import { ok, type Result } from '@weft/contracts'
import {
  arnOfIdentity,
  checkDeletable,
  checkModifiable,
  checkTrust,
  createRole,
  fullAccessRoleName,
  type IamError,
  iamError,
  iamQuotas,
  identityExists,
  isServiceLinked,
  noSuchIdentity,
  type Role,
} from '@weft/policy'
import type { XmlMembers } from '../s3/xml.ts'
import {
  arnOf,
  arnRule,
  change,
  checked,
  create,
  descriptionRule,
  documentRule,
  encodeDocument,
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
  tagMembers,
} from './call.ts'
import { checkAttachable, holderOperations } from './holder-operations.ts'

const nameOf = ({ params }: IamCall): string => params.required('RoleName', names.role)
const resource = (call: IamCall): string => arnOf(call, 'role', nameOf(call))
const operation = (run: IamOperation['run']): IamOperation => ({ resource, run })
const sessionSeconds = ({ params }: IamCall): number | undefined =>
  params.integer('MaxSessionDuration', iamQuotas.sessionSeconds)

/** Lists leave out what takes a look at each: boundary, tags and last use, as on AWS. */
export function describeRole(role: Role, whole: boolean): XmlMembers {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: arnOfIdentity(role),
    CreateDate: iamDate(role.createdAtMs),
    AssumeRolePolicyDocument: encodeDocument(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    ...(whole && {
      PermissionsBoundary: role.permissionsBoundary && {
        PermissionsBoundaryType: 'Policy',
        PermissionsBoundaryArn: role.permissionsBoundary,
      },
      Tags: Object.keys(role.tags).length > 0 ? tagMembers(role.tags) : undefined,
      RoleLastUsed: {},
    }),
  }
}

/** Roles. IAM API reference. */
export const roleOperations: IamOperations = {
  ...holderOperations('role'),
  CreateRole: {
    resource: (call) => arnOf(call, 'role', nameOf(call), call.params.optional('Path', pathRule)),
    async run(call) {
      const { params, account } = call
      const name = nameOf(call)
      const input = {
        name,
        path: params.optional('Path', pathRule) ?? '/',
        trustPolicy: params.required('AssumeRolePolicyDocument', documentRule),
        description: params.optional('Description', descriptionRule),
        maxSessionSeconds: sessionSeconds(call),
        permissionsBoundary: params.optional('PermissionsBoundary', arnRule),
        tags: params.tags(),
      }
      const sound = checked(params)
      if (!sound.ok) return sound
      if (name.toLowerCase() === fullAccessRoleName) return identityExists('role', name)
      if (call.identities.roles(account).length > iamQuotas.rolesPerAccount)
        return iamError('LimitExceeded', `Cannot exceed quota for RolesPerAccount: ${iamQuotas.rolesPerAccount}`)
      const boundary =
        input.permissionsBoundary === undefined ? sound : await checkAttachable(call, input.permissionsBoundary)
      if (!boundary.ok) return boundary
      const created = await create(call, createRole(account, input, stampOf(call)), identityExists('role', name))
      return created.ok ? ok({ Role: describeRole(created.value, true) }) : created
    },
  },
  GetRole: operation(async (call) => {
    const name = nameOf(call)
    const sound = checked(call.params)
    if (!sound.ok) return sound
    const role = await find(call, 'role', name)
    return role ? ok({ Role: describeRole(role, true) }) : noSuchIdentity('role', name)
  }),
  ListRoles: {
    resource: ({ account }) => `arn:aws:iam::${account}:role/`,
    run(call) {
      const prefix = call.params.optional('PathPrefix', { min: 1, max: 512 }) ?? '/'
      const roles = call.identities.roles(call.account).filter((role) => role.path.startsWith(prefix))
      const shown = page(call, roles, (role) => role.name)
      if (!shown.ok) return shown
      return ok({
        Roles: { member: shown.value.items.map((role) => describeRole(role, false)) },
        ...shown.value.paging,
      })
    },
  },
  UpdateRole: operation(async (call) => {
    const name = nameOf(call)
    const description = call.params.optional('Description', descriptionRule)
    const maxSessionSeconds = sessionSeconds(call) ?? iamQuotas.sessionSeconds.min
    const changed = await alter(call, name, (role) =>
      ok({ ...role, maxSessionSeconds, ...(description !== undefined && { description }) }),
    )
    // An empty result, where other operations have none.
    return changed.ok ? ok({}) : changed
  }),
  UpdateRoleDescription: operation(async (call) => {
    const name = nameOf(call)
    const description = call.params.required('Description', descriptionRule)
    const changed = await alter(call, name, (role) => ok({ ...role, description }))
    return changed.ok ? ok({ Role: describeRole(changed.value, true) }) : changed
  }),
  UpdateAssumeRolePolicy: operation(async (call) => {
    const name = nameOf(call)
    const trustPolicy = call.params.required('PolicyDocument', documentRule)
    const changed = await alter(call, name, (role) => {
      const trust = checkTrust(trustPolicy)
      return trust.ok ? ok({ ...role, trustPolicy }) : trust
    })
    return changed.ok ? ok(undefined) : changed
  }),
  DeleteRole: operation((call) => {
    const name = nameOf(call)
    const sound = checked(call.params)
    if (!sound.ok) return sound
    const may = checkModifiable(name)
    return may.ok ? remove(call, 'role', name, checkRoleDeletable) : may
  }),
  // Terraform asks before it deletes a role; there are no instances here.
  ListInstanceProfilesForRole: operation(() => ok({ InstanceProfiles: {}, IsTruncated: false })),
}

const checkRoleDeletable = (role: Role): Result<void, IamError> =>
  isServiceLinked(role)
    ? iamError('UnmodifiableEntity', `Cannot delete service linked role ${role.name}: use DeleteServiceLinkedRole.`)
    : checkDeletable(role)

async function alter(call: IamCall, name: string, rule: Parameters<typeof change<'role'>>[3]) {
  const sound = checked(call.params)
  if (!sound.ok) return sound
  const may = checkModifiable(name)
  return may.ok ? change(call, 'role', name, rule) : may
}
