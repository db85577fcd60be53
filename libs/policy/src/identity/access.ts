import { type AccountId, isAccountId } from '@weft/contracts'
import { type CompiledPolicy, type PolicyKind, parsePolicy } from '../language/document.ts'
import { awsManagedPolicies } from './aws-managed.ts'
import type { Identities } from './directory.ts'
import type { Group, ManagedPolicy, PolicyHolder, Role } from './records.ts'

/** What is attached to a user or a role, ready to be evaluated. */
export interface Access {
  readonly identity: readonly CompiledPolicy[]
  readonly boundary?: readonly CompiledPolicy[]
}

const inline = new WeakMap<PolicyHolder, readonly CompiledPolicy[]>()
const trust = new WeakMap<Role, CompiledPolicy>()
const managed = new WeakMap<ManagedPolicy, CompiledPolicy>()
let awsManaged: ReadonlyMap<string, CompiledPolicy> | undefined

const nothing: CompiledPolicy = { statements: [] }

/** Documents are checked before they are kept; one that cannot be read allows nothing. */
function compile(document: string, kind: PolicyKind): CompiledPolicy {
  const parsed = parsePolicy(document, kind)
  return parsed.ok ? parsed.value : nothing
}

/** Looked up in a map of records that do not change: each is compiled once, and a changed record is another one. */
function once<K extends object, V>(memo: WeakMap<K, V>, key: K, make: () => V): V {
  const known = memo.get(key)
  if (known !== undefined) return known
  const made = make()
  memo.set(key, made)
  return made
}

/** The policies of a user or role as they are at this moment, with those of a user's groups. */
export function accessOf(identities: Identities, holder: PolicyHolder): Access {
  const own = once(inline, holder, () =>
    Object.values(holder.inlinePolicies).map((document) => compile(document, 'identity')),
  )
  const attached = holder.attachedPolicies.map((arn) => managedPolicy(identities, holder.accountId, arn))
  const shared = groupsOf(identities, holder).flatMap((group) => accessOf(identities, group).identity)
  const { permissionsBoundary } = holder
  return {
    identity: attached.length + shared.length === 0 ? own : [...own, ...attached, ...shared],
    ...(permissionsBoundary !== undefined && {
      boundary: [managedPolicy(identities, holder.accountId, permissionsBoundary)],
    }),
  }
}

/** The groups that a user is in; none of what is no user. */
export function groupsOf(identities: Identities, holder: PolicyHolder): readonly Group[] {
  if (holder.kind !== 'user' || !holder.groups) return []
  return holder.groups.flatMap((name) => identities.group(holder.accountId, name) ?? [])
}

/** A managed policy by its ARN; one that is not there allows nothing. */
export function managedPolicy(identities: Identities, account: AccountId, arn: string): CompiledPolicy {
  awsManaged ??= new Map(awsManagedPolicies().map((one) => [one.arn, compile(one.document, 'identity')]))
  const builtIn = awsManaged.get(arn)
  if (builtIn) return builtIn
  const named = parseIdentityArn(arn)
  const record =
    named?.kind === 'policy' && named.accountId === account ? identities.policy(account, named.name) : undefined
  if (!record) return nothing
  return once(managed, record, () => {
    const version = record.versions.find((one) => one.versionId === record.defaultVersionId)
    return version ? compile(version.document, 'identity') : nothing
  })
}

/** Who may assume the role. */
export const trustOf = (role: Role): CompiledPolicy => once(trust, role, () => compile(role.trustPolicy, 'trust'))

/** Session policies come with the session; they are few and evaluated while it lives. */
export const sessionPolicy = (document: string): CompiledPolicy => compile(document, 'identity')

export interface IdentityArn {
  readonly accountId: AccountId
  readonly kind: 'role' | 'user' | 'group' | 'policy'
  readonly name: string
}

/** `arn:aws:iam::ACCOUNT:role/path/name`; undefined for anything else. */
export function parseIdentityArn(arn: string): IdentityArn | undefined {
  const [, account, kind, name] =
    /^arn:aws:iam::(\d{12}):(role|user|group|policy)\/(?:[\x21-\x7e]*\/)?([\w+=,.@-]+)$/.exec(arn) ?? []
  if (account === undefined || !isAccountId(account) || kind === undefined || name === undefined) return undefined
  return { accountId: account, kind: kind as IdentityArn['kind'], name }
}
