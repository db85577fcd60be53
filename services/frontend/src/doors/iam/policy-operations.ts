import { ok, type Result } from '@weft/contracts'
import {
  type AwsManagedPolicy,
  addPolicyVersion,
  arnOfIdentity,
  awsManagedPolicies,
  awsManagedPolicy,
  checkPolicyDeletable,
  createPolicy,
  deletePolicyVersion,
  type IamError,
  iamError,
  iamQuotas,
  type ManagedPolicy,
  noSuchPolicyArn,
  parseIdentityArn,
  policyVersion,
  setDefaultVersion,
  withoutTags,
  withTags,
} from '@weft/policy'
import type { XmlMembers } from '../s3/xml.ts'
import {
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
  versionRule,
} from './call.ts'

const arnOf = ({ params }: IamCall): string => params.required('PolicyArn', arnRule)
const operation = (run: IamOperation['run']): IamOperation => ({ resource: arnOf, run })
/** What ListEntitiesForPolicy can be narrowed to. */
const entityKinds = ['User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy']

/** Whom a policy is attached to. */
const holdersOf = ({ account, identities }: IamCall, arn: string) => ({
  roles: identities.roles(account).filter((role) => role.attachedPolicies.includes(arn)),
  users: identities.users(account).filter((user) => user.attachedPolicies.includes(arn)),
  groups: identities.groups(account).filter((group) => group.attachedPolicies.includes(arn)),
})

function attachments(call: IamCall, arn: string): number {
  const { roles, users, groups } = holdersOf(call, arn)
  return roles.length + users.length + groups.length
}

/** AWS's own policies show as one version of the customer's kind. */
const asManaged = (call: IamCall, { name, path, id, document, createdAtMs }: AwsManagedPolicy): ManagedPolicy => ({
  ...{ kind: 'policy', accountId: call.account, name, path, id, createdAtMs, updatedAtMs: createdAtMs, tags: {} },
  ...{ versions: [{ versionId: 'v1', document, createdAtMs }], defaultVersionId: 'v1', lastVersion: 1 },
})

interface Named {
  readonly arn: string
  readonly policy: ManagedPolicy
}

/** The policy that a request names, AWS's own or the account's. Errors: ValidationError, NoSuchEntity. */
async function look(call: IamCall): Promise<Result<Named, IamError>> {
  const arn = arnOf(call)
  const sound = checked(call.params)
  if (!sound.ok) return sound
  const builtIn = awsManagedPolicy(arn)
  if (builtIn) return ok({ arn, policy: asManaged(call, builtIn) })
  const named = parseIdentityArn(arn)
  const policy =
    named?.kind === 'policy' && named.accountId === call.account ? await find(call, 'policy', named.name) : undefined
  return policy && arnOfIdentity(policy) === arn ? ok({ arn, policy }) : noSuchPolicyArn(arn)
}

/** The name of a policy that may be changed: one of the account's own. */
function ownName(call: IamCall): Result<string, IamError> {
  const arn = arnOf(call)
  const sound = checked(call.params)
  if (!sound.ok) return sound
  const named = parseIdentityArn(arn)
  return named?.kind === 'policy' && named.accountId === call.account ? ok(named.name) : noSuchPolicyArn(arn)
}

async function alter(call: IamCall, rule: (policy: ManagedPolicy) => Result<ManagedPolicy, IamError>) {
  const name = ownName(call)
  return name.ok ? change(call, 'policy', name.value, rule, () => noSuchPolicyArn(arnOf(call))) : name
}

function describe(call: IamCall, arn: string, policy: ManagedPolicy, whole: boolean): XmlMembers {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersionId,
    AttachmentCount: attachments(call, arn),
    PermissionsBoundaryUsageCount: 0,
    IsAttachable: true,
    CreateDate: iamDate(policy.createdAtMs),
    UpdateDate: iamDate(policy.updatedAtMs),
    ...(whole && {
      Description: policy.description,
      Tags: Object.keys(policy.tags).length > 0 ? tagMembers(policy.tags) : undefined,
    }),
  }
}

const describeVersion = (policy: ManagedPolicy, version: ManagedPolicy['versions'][number], whole: boolean) => ({
  ...(whole && { Document: encodeDocument(version.document) }),
  VersionId: version.versionId,
  IsDefaultVersion: version.versionId === policy.defaultVersionId,
  CreateDate: iamDate(version.createdAtMs),
})

/** Managed policies and their versions. IAM API reference. */
export const policyOperations: IamOperations = {
  CreatePolicy: {
    resource: ({ params, account }) =>
      `arn:aws:iam::${account}:policy${params.optional('Path', pathRule) ?? '/'}${params.required('PolicyName', names.policy)}`,
    async run(call) {
      const { params, account } = call
      const input = {
        name: params.required('PolicyName', names.policy),
        path: params.optional('Path', pathRule) ?? '/',
        document: params.required('PolicyDocument', documentRule),
        description: params.optional('Description', descriptionRule),
        tags: params.tags(),
      }
      const sound = checked(params)
      if (!sound.ok) return sound
      if (call.identities.policies(account).length >= iamQuotas.policiesPerAccount)
        return iamError('LimitExceeded', `Cannot exceed quota for PoliciesPerAccount: ${iamQuotas.policiesPerAccount}`)
      const taken = iamError(
        'EntityAlreadyExists',
        `A policy called ${input.name} already exists. Duplicate names are not allowed.`,
      )
      const created = await create(call, createPolicy(account, input, stampOf(call)), taken)
      if (!created.ok) return created
      return ok({ Policy: describe(call, arnOfIdentity(created.value), created.value, true) })
    },
  },
  GetPolicy: operation(async (call) => {
    const found = await look(call)
    return found.ok ? ok({ Policy: describe(call, found.value.arn, found.value.policy, true) }) : found
  }),
  ListPolicies: {
    resource: ({ account }) => `arn:aws:iam::${account}:policy/`,
    run(call) {
      const { params, identities, account } = call
      const scope = params.optional('Scope', { max: 16, oneOf: ['All', 'AWS', 'Local'] }) ?? 'All'
      const prefix = params.optional('PathPrefix', { min: 1, max: 512 }) ?? '/'
      const own = identities.policies(account).map((policy) => ({ arn: arnOfIdentity(policy), policy }))
      const builtIn = awsManagedPolicies().map((one) => ({ arn: one.arn, policy: asManaged(call, one) }))
      const listed = [...(scope === 'AWS' ? [] : own), ...(scope === 'Local' ? [] : builtIn)]
        .filter(({ policy }) => policy.path.startsWith(prefix))
        .filter(({ arn }) => !params.flag('OnlyAttached') || attachments(call, arn) > 0)
        .sort((a, b) => (a.arn < b.arn ? -1 : 1))
      const shown = page(call, listed, ({ arn }) => arn)
      if (!shown.ok) return shown
      const member = shown.value.items.map(({ arn, policy }) => describe(call, arn, policy, false))
      return ok({ Policies: { member }, ...shown.value.paging })
    },
  },
  DeletePolicy: operation(async (call) => {
    const name = ownName(call)
    if (!name.ok) return name
    const arn = arnOf(call)
    const rule = (policy: ManagedPolicy) => checkPolicyDeletable(policy, attachments(call, arn))
    return remove(call, 'policy', name.value, rule, () => noSuchPolicyArn(arn))
  }),
  CreatePolicyVersion: operation(async (call) => {
    const document = call.params.required('PolicyDocument', documentRule)
    const changed = await alter(call, (policy) =>
      addPolicyVersion(policy, document, call.params.flag('SetAsDefault'), call.clock.now()),
    )
    const version = changed.ok ? changed.value.versions.at(-1) : undefined
    if (!changed.ok || !version) return changed.ok ? ok({}) : changed
    return ok({ PolicyVersion: describeVersion(changed.value, version, false) })
  }),
  GetPolicyVersion: operation(async (call) => {
    const versionId = call.params.required('VersionId', versionRule)
    const found = await look(call)
    if (!found.ok) return found
    const version = policyVersion(found.value.policy, versionId)
    return version.ok ? ok({ PolicyVersion: describeVersion(found.value.policy, version.value, true) }) : version
  }),
  ListPolicyVersions: operation(async (call) => {
    const found = await look(call)
    if (!found.ok) return found
    const { policy } = found.value
    const member = policy.versions.toReversed().map((version) => describeVersion(policy, version, false))
    return ok({ Versions: { member }, IsTruncated: false })
  }),
  SetDefaultPolicyVersion: operation(async (call) => {
    const versionId = call.params.required('VersionId', versionRule)
    const changed = await alter(call, (policy) => setDefaultVersion(policy, versionId, call.clock.now()))
    return changed.ok ? ok(undefined) : changed
  }),
  DeletePolicyVersion: operation(async (call) => {
    const versionId = call.params.required('VersionId', versionRule)
    const changed = await alter(call, (policy) => deletePolicyVersion(policy, versionId))
    return changed.ok ? ok(undefined) : changed
  }),
  ListEntitiesForPolicy: operation(async (call) => {
    const found = await look(call)
    if (!found.ok) return found
    const filter = call.params.optional('EntityFilter', { max: 32, oneOf: entityKinds })
    const sound = checked(call.params)
    if (!sound.ok) return sound
    const { roles, users, groups } = holdersOf(call, found.value.arn)
    const wanted = (kind: string): boolean => filter === undefined || filter === kind
    return ok({
      PolicyGroups: { member: wanted('Group') ? groups.map(({ name, id }) => ({ GroupName: name, GroupId: id })) : [] },
      PolicyUsers: { member: wanted('User') ? users.map(({ name, id }) => ({ UserName: name, UserId: id })) : [] },
      PolicyRoles: { member: wanted('Role') ? roles.map(({ name, id }) => ({ RoleName: name, RoleId: id })) : [] },
      IsTruncated: false,
    })
  }),
  TagPolicy: operation(async (call) => {
    const tags = call.params.tags()
    const changed = await alter(call, (policy) => withTags(policy, tags))
    return changed.ok ? ok(undefined) : changed
  }),
  UntagPolicy: operation(async (call) => {
    const keys = call.params.list('TagKeys', { min: 1, max: 128 })
    const changed = await alter(call, (policy) => ok(withoutTags(policy, keys)))
    return changed.ok ? ok(undefined) : changed
  }),
  ListPolicyTags: operation(async (call) => {
    const found = await look(call)
    return found.ok ? ok({ Tags: tagMembers(found.value.policy.tags), IsTruncated: false }) : found
  }),
}
