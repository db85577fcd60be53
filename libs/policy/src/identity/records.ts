import type { AccountId } from '@weft/contracts'

/** What roles, users, groups and managed policies of an account have in common. Names are unique whatever their case. */
interface Entity {
  readonly accountId: AccountId
  readonly name: string
  /** `/` or `/a/b/`. */
  readonly path: string
  /** `AROA…`, `AIDA…`, `AGPA…`, `ANPA…`: never given twice, unlike the name. */
  readonly id: string
  readonly createdAtMs: number
  readonly tags: Readonly<Record<string, string>>
}

/** What policies can be attached to. */
interface Holder extends Entity {
  /** Documents as they were given, by name. */
  readonly inlinePolicies: Readonly<Record<string, string>>
  /** ARNs of managed policies, in the order they were attached. */
  readonly attachedPolicies: readonly string[]
  /** ARN of the managed policy that bounds what the others can allow. */
  readonly permissionsBoundary?: string
}

export interface Role extends Holder {
  readonly kind: 'role'
  readonly description?: string
  /** Who may assume it; the document as it was given. */
  readonly trustPolicy: string
  readonly maxSessionSeconds: number
}

export interface User extends Holder {
  readonly kind: 'user'
  readonly accessKeys: readonly UserAccessKey[]
  /** Names of the groups it is in. Absent: none. */
  readonly groups?: readonly string[]
}

/** Its policies are those of its members too. It has no boundary and no tags. */
export interface Group extends Holder {
  readonly kind: 'group'
}

export interface UserAccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly status: 'Active' | 'Inactive'
  readonly createdAtMs: number
  /** To within a quarter of an hour. Absent: never since this is written down. */
  readonly lastUsed?: { readonly atMs: number; readonly service: string; readonly region: string }
}

export interface ManagedPolicy extends Entity {
  readonly kind: 'policy'
  readonly description?: string
  readonly updatedAtMs: number
  readonly versions: readonly PolicyVersion[]
  readonly defaultVersionId: string
  /** Number of the newest version ever made; numbers are not given twice. */
  readonly lastVersion: number
}

export interface PolicyVersion {
  /** `v1`. */
  readonly versionId: string
  readonly document: string
  readonly createdAtMs: number
}

export type PolicyHolder = Role | User | Group
export type IdentityRecord = PolicyHolder | ManagedPolicy
export type IdentityKind = IdentityRecord['kind']

/** What a new thing is stamped with. */
export interface EntityStamp {
  readonly nowMs: number
  /** 16 characters of A–Z and 2–7, random. */
  readonly idSuffix: string
}

/** `arn:aws:iam::ACCOUNT:role/path/name`. */
export const arnOfIdentity = ({
  kind,
  accountId,
  path,
  name,
}: Pick<IdentityRecord, 'kind' | 'accountId' | 'path' | 'name'>): string =>
  `arn:aws:iam::${accountId}:${kind}${path}${name}`

/** Key in the bucket of identities: `<account>.<kind>.<name in lower case, base64url>`; names hold what keys cannot. */
export const identityKey = (account: AccountId, kind: IdentityKind, name: string): string =>
  `${account}.${kind}.${Buffer.from(name.toLowerCase()).toString('base64url')}`
