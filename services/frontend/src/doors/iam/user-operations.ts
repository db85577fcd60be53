import { newAccessKey, ok, type Result } from '@weft/contracts'
import {
  addAccessKey,
  arnOfIdentity,
  changeAccessKey,
  checkDeletable,
  createUser,
  type IamError,
  iamError,
  iamQuotas,
  identityExists,
  noSuchIdentity,
  type User,
  type UserAccessKey,
} from '@weft/policy'
import type { XmlMembers } from '../s3/xml.ts'
import {
  arnOf,
  arnRule,
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
  tagMembers,
} from './call.ts'
import { checkAttachable, holderOperations } from './holder-operations.ts'

/** Who the request is about; the caller itself when it names nobody. */
function nameOf({ params, principal }: IamCall): string {
  if (principal.user && !params.has('UserName')) return principal.user.name
  return params.required('UserName', names.user)
}

function resource(call: IamCall): string {
  const { params, principal } = call
  // Who is no user may still ask who it is.
  return params.has('UserName') || principal.user ? arnOf(call, 'user', nameOf(call)) : principal.arn
}

/** The root of an account counts as a user that has no name; a session does not. */
const itself = ({ principal }: IamCall) =>
  principal.session
    ? iamError('ValidationError', 'Must specify userName when calling with non-User credentials')
    : ok({ User: { Path: '/', UserId: principal.accountId, Arn: principal.arn, CreateDate: iamDate(0) } })

const operation = (run: IamOperation['run']): IamOperation => ({ resource, run })
const keyIdRule = { min: 16, max: 128, pattern: /^[\w]+$/ }

export function describeUser(user: User, whole: boolean): XmlMembers {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: arnOfIdentity(user),
    CreateDate: iamDate(user.createdAtMs),
    ...(whole && {
      PermissionsBoundary: user.permissionsBoundary && {
        PermissionsBoundaryType: 'Policy',
        PermissionsBoundaryArn: user.permissionsBoundary,
      },
      Tags: Object.keys(user.tags).length > 0 ? tagMembers(user.tags) : undefined,
    }),
  }
}

const describeKey = (user: User, key: UserAccessKey): XmlMembers => ({
  UserName: user.name,
  AccessKeyId: key.accessKeyId,
  Status: key.status,
  CreateDate: iamDate(key.createdAtMs),
})

/** The user of this account whose key a request names. */
function ownerOf({ params, account, identities }: IamCall) {
  const id = params.required('AccessKeyId', keyIdRule)
  const user = identities.userOfKey(id)
  const key = user?.accessKeys.find((one) => one.accessKeyId === id)
  return user && key && user.accountId === account ? { user, key, arn: arnOfIdentity(user) } : undefined
}

async function look(call: IamCall): Promise<Result<User, IamError>> {
  const name = nameOf(call)
  const sound = checked(call.params)
  if (!sound.ok) return sound
  const user = await find(call, 'user', name)
  return user ? ok(user) : noSuchIdentity('user', name)
}

async function alter(call: IamCall, name: string, rule: (user: User) => Result<User, IamError>) {
  const sound = checked(call.params)
  return sound.ok ? change(call, 'user', name, rule) : sound
}

/** Users and their access keys. IAM API reference. */
export const userOperations: IamOperations = {
  ...holderOperations('user'),
  CreateUser: {
    resource: (call) => arnOf(call, 'user', nameOf(call), call.params.optional('Path', pathRule)),
    async run(call) {
      const { params, account } = call
      const name = params.required('UserName', names.user)
      const input = {
        name,
        path: params.optional('Path', pathRule) ?? '/',
        permissionsBoundary: params.optional('PermissionsBoundary', arnRule),
        tags: params.tags(),
      }
      const sound = checked(params)
      if (!sound.ok) return sound
      if (call.identities.users(account).length >= iamQuotas.usersPerAccount)
        return iamError('LimitExceeded', `Cannot exceed quota for UsersPerAccount: ${iamQuotas.usersPerAccount}`)
      const boundary =
        input.permissionsBoundary === undefined ? sound : await checkAttachable(call, input.permissionsBoundary)
      if (!boundary.ok) return boundary
      const created = await create(call, createUser(account, input, stampOf(call)), identityExists('user', name))
      return created.ok ? ok({ User: describeUser(created.value, true) }) : created
    },
  },
  GetUser: operation(async (call) => {
    if (!call.params.has('UserName') && !call.principal.user) return itself(call)
    const user = await look(call)
    return user.ok ? ok({ User: describeUser(user.value, true) }) : user
  }),
  ListUsers: {
    resource: ({ account }) => `arn:aws:iam::${account}:user/`,
    run(call) {
      const prefix = call.params.optional('PathPrefix', { min: 1, max: 512 }) ?? '/'
      const users = call.identities.users(call.account).filter((user) => user.path.startsWith(prefix))
      const shown = page(call, users, (user) => user.name)
      if (!shown.ok) return shown
      return ok({
        Users: { member: shown.value.items.map((user) => describeUser(user, false)) },
        ...shown.value.paging,
      })
    },
  },
  DeleteUser: operation((call) => {
    const name = nameOf(call)
    const sound = checked(call.params)
    return sound.ok ? remove(call, 'user', name, checkDeletable) : sound
  }),
  UpdateUser: operation(async (call) => {
    const name = nameOf(call)
    const path = call.params.optional('NewPath', pathRule)
    const renamed = call.params.optional('NewUserName', names.user)
    // Keys and policies of others lead to a user by its name.
    if (renamed !== undefined && renamed !== name)
      return iamError('ValidationError', 'Renaming a user is not served by this fabric.')
    const changed = await alter(call, name, (user) => ok({ ...user, ...(path !== undefined && { path }) }))
    return changed.ok ? ok(undefined) : changed
  }),
  CreateAccessKey: operation(async (call) => {
    const fresh: UserAccessKey = { ...newAccessKey(), createdAtMs: call.clock.now() }
    const changed = await alter(call, nameOf(call), (user) => addAccessKey(user, fresh))
    if (!changed.ok) return changed
    // The only time that the secret is told.
    return ok({ AccessKey: { ...describeKey(changed.value, fresh), SecretAccessKey: fresh.secretAccessKey } })
  }),
  ListAccessKeys: operation(async (call) => {
    const user = await look(call)
    if (!user.ok) return user
    const keys = user.value.accessKeys.map((key) => describeKey(user.value, key))
    return ok({ UserName: user.value.name, AccessKeyMetadata: { member: keys }, IsTruncated: false })
  }),
  GetAccessKeyLastUsed: {
    resource: (call) => ownerOf(call)?.arn ?? '*',
    run(call) {
      const owner = ownerOf(call)
      if (!owner)
        return iamError(
          'NoSuchEntity',
          `The Access Key with id ${call.params.required('AccessKeyId', keyIdRule)} cannot be found.`,
        )
      const { lastUsed } = owner.key
      return ok({
        UserName: owner.user.name,
        AccessKeyLastUsed: {
          LastUsedDate: lastUsed && iamDate(lastUsed.atMs),
          ServiceName: lastUsed?.service ?? 'N/A',
          Region: lastUsed?.region ?? 'N/A',
        },
      })
    },
  },
  UpdateAccessKey: operation(async (call) => {
    const name = nameOf(call)
    const id = call.params.required('AccessKeyId', keyIdRule)
    const status = call.params.required('Status', { max: 16, oneOf: ['Active', 'Inactive'] })
    const changed = await alter(call, name, (user) =>
      changeAccessKey(user, id, (key) => ({ ...key, status: status === 'Active' ? 'Active' : 'Inactive' })),
    )
    return changed.ok ? ok(undefined) : changed
  }),
  DeleteAccessKey: operation(async (call) => {
    const name = nameOf(call)
    const id = call.params.required('AccessKeyId', keyIdRule)
    const changed = await alter(call, name, (user) => changeAccessKey(user, id, () => undefined))
    return changed.ok ? ok(undefined) : changed
  }),
}
