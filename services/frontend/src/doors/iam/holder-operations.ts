import { ok, type Result } from '@weft/contracts'
import {
  attachPolicy,
  awsManagedPolicy,
  checkModifiable,
  deleteInlinePolicy,
  detachPolicy,
  type IamError,
  iamError,
  inlinePolicy,
  noSuchIdentity,
  type PolicyHolder,
  parseIdentityArn,
  putInlinePolicy,
  withoutTags,
  withTags,
} from '@weft/policy'
import {
  arnOf,
  arnRule,
  change,
  checked,
  documentRule,
  encodeDocument,
  find,
  type IamCall,
  type IamOperation,
  type IamOperations,
  names,
  page,
  tagMembers,
} from './call.ts'

/** What a policy can be attached to: what IAM calls it, and how it shows in names of operations and parameters. */
const titles = { role: 'Role', user: 'User', group: 'Group' } as const

/** A managed policy that is there. Errors: NoSuchEntity. */
export async function checkAttachable(call: IamCall, arn: string): Promise<Result<void, IamError>> {
  if (awsManagedPolicy(arn)) return ok(undefined)
  const named = parseIdentityArn(arn)
  const own = named?.kind === 'policy' && named.accountId === call.account && (await find(call, 'policy', named.name))
  if (own) return ok(undefined)
  return iamError('NoSuchEntity', `Policy ${arn} does not exist or is not attachable.`)
}

type HolderKind = keyof typeof titles

/** Ways to a role, user or group that a request names. */
function ways(kind: HolderKind) {
  const member = `${titles[kind]}Name`
  const nameOf = ({ params }: IamCall): string => params.required(member, names[kind])
  const resource = (call: IamCall): string => arnOf(call, kind, nameOf(call))
  return {
    member,
    nameOf,
    operation: (run: IamOperation['run']): IamOperation => ({ resource, run }),
    async look(call: IamCall): Promise<Result<PolicyHolder, IamError>> {
      const name = nameOf(call)
      const sound = checked(call.params)
      if (!sound.ok) return sound
      const holder = await find<HolderKind>(call, kind, name)
      return holder ? ok(holder) : noSuchIdentity(kind, name)
    },
    async alter(
      call: IamCall,
      name: string,
      rule: <H extends PolicyHolder>(holder: H) => Result<H, IamError>,
    ): Promise<Result<undefined, IamError>> {
      const sound = checked(call.params)
      if (!sound.ok) return sound
      const may = kind === 'role' ? checkModifiable(name) : ok(undefined)
      if (!may.ok) return may
      const changed = await change<HolderKind>(call, kind, name, rule)
      return changed.ok ? ok(undefined) : changed
    },
  }
}

/** Inline and attached policies of roles, users and groups: the same operations under three names. */
export function holderPolicyOperations(kind: HolderKind): IamOperations {
  const { member, nameOf, operation, look, alter } = ways(kind)
  const title = titles[kind]
  const inlineName = ({ params }: IamCall): string => params.required('PolicyName', names.inline)
  const policyArn = ({ params }: IamCall): string => params.required('PolicyArn', arnRule)

  return {
    [`Put${title}Policy`]: operation((call) => {
      const [name, policy] = [nameOf(call), inlineName(call)]
      const document = call.params.required('PolicyDocument', documentRule)
      return alter(call, name, (holder) => putInlinePolicy(holder, policy, document))
    }),
    [`Get${title}Policy`]: operation(async (call) => {
      const policy = inlineName(call)
      const holder = await look(call)
      if (!holder.ok) return holder
      const document = inlinePolicy(holder.value, policy)
      if (!document.ok) return document
      return ok({
        [member]: holder.value.name,
        PolicyName: policy,
        PolicyDocument: encodeDocument(document.value),
      })
    }),
    [`Delete${title}Policy`]: operation((call) => {
      const [name, policy] = [nameOf(call), inlineName(call)]
      return alter(call, name, (holder) => deleteInlinePolicy(holder, policy))
    }),
    [`List${title}Policies`]: operation(async (call) => {
      const holder = await look(call)
      if (!holder.ok) return holder
      const shown = page(call, Object.keys(holder.value.inlinePolicies).sort(), (name) => name)
      return shown.ok ? ok({ PolicyNames: { member: shown.value.items }, ...shown.value.paging }) : shown
    }),
    [`Attach${title}Policy`]: operation(async (call) => {
      const [name, arn] = [nameOf(call), policyArn(call)]
      const there = await checkAttachable(call, arn)
      return alter(call, name, (holder) => (there.ok ? attachPolicy(holder, arn) : there))
    }),
    [`Detach${title}Policy`]: operation((call) => {
      const [name, arn] = [nameOf(call), policyArn(call)]
      return alter(call, name, (holder) => detachPolicy(holder, arn))
    }),
    [`ListAttached${title}Policies`]: operation(async (call) => {
      const holder = await look(call)
      if (!holder.ok) return holder
      const shown = page(call, holder.value.attachedPolicies.toSorted(), (arn) => arn)
      if (!shown.ok) return shown
      const attached = shown.value.items.map((arn) => ({
        PolicyName: arn.slice(arn.lastIndexOf('/') + 1),
        PolicyArn: arn,
      }))
      return ok({ AttachedPolicies: { member: attached }, ...shown.value.paging })
    }),
  }
}

/** The same with the permissions boundary and the tags, which roles and users have and groups have not. */
export function holderOperations(kind: 'role' | 'user'): IamOperations {
  const { nameOf, operation, look, alter } = ways(kind)
  const title = titles[kind]
  return {
    ...holderPolicyOperations(kind),
    [`Put${title}PermissionsBoundary`]: operation(async (call) => {
      const [name, permissionsBoundary] = [nameOf(call), call.params.required('PermissionsBoundary', arnRule)]
      const there = await checkAttachable(call, permissionsBoundary)
      return alter(call, name, (holder) => (there.ok ? ok({ ...holder, permissionsBoundary }) : there))
    }),
    [`Delete${title}PermissionsBoundary`]: operation((call) =>
      alter(call, nameOf(call), (holder) => {
        const { permissionsBoundary: _removed, ...rest } = holder
        return ok(rest as typeof holder)
      }),
    ),
    [`Tag${title}`]: operation((call) => {
      const [name, tags] = [nameOf(call), call.params.tags()]
      return alter(call, name, (holder) => withTags(holder, tags))
    }),
    [`Untag${title}`]: operation((call) => {
      const [name, keys] = [nameOf(call), call.params.list('TagKeys', { min: 1, max: 128 })]
      return alter(call, name, (holder) => ok(withoutTags(holder, keys)))
    }),
    [`List${title}Tags`]: operation(async (call) => {
      const holder = await look(call)
      return holder.ok ? ok({ Tags: tagMembers(holder.value.tags), IsTruncated: false }) : holder
    }),
  }
}
