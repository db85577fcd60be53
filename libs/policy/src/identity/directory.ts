import type { AccountId, Result } from '@weft/contracts'
import { fullAccessRole, fullAccessRoleName } from './full-access.ts'
import {
  type Group,
  type IdentityKind,
  type IdentityRecord,
  identityKey,
  type ManagedPolicy,
  type Role,
  type User,
} from './records.ts'

/** The identities as this process last saw them: in memory, so that a check on the invoke path costs no I/O. */
export interface Identities {
  role(account: AccountId, name: string): Role | undefined
  user(account: AccountId, name: string): User | undefined
  group(account: AccountId, name: string): Group | undefined
  policy(account: AccountId, name: string): ManagedPolicy | undefined
  /** In order of name. */
  roles(account: AccountId): readonly Role[]
  users(account: AccountId): readonly User[]
  groups(account: AccountId): readonly Group[]
  policies(account: AccountId): readonly ManagedPolicy[]
  userOfKey(accessKeyId: string): User | undefined
}

/**
 * Where identities are kept, with compare-and-set. A call that resolves with ok has been stored durably and is visible in this
 * process's `Identities`. Rejects when the store is unreachable.
 */
export interface IdentityStore {
  read(key: string): Promise<{ readonly value: IdentityRecord; readonly revision: number } | undefined>
  create(key: string, value: IdentityRecord): Promise<Result<unknown, 'exists'>>
  replace(key: string, value: IdentityRecord, revision: number): Promise<Result<unknown, 'conflict'>>
  remove(key: string, revision: number): Promise<Result<void, 'conflict'>>
}

/** Reading and writing together, as the owner of the identities has them. */
export interface IdentityDirectory extends Identities {
  readonly store: IdentityStore
}

/** Identities by what they are looked up by; fed by whoever watches their store. */
export class IdentityIndex implements Identities {
  readonly #byKey = new Map<string, IdentityRecord>()
  readonly #byAccount = new Map<string, Map<string, IdentityRecord>>()
  readonly #userOfKey = new Map<string, User>()

  /** Takes what a key holds now; undefined when it was removed. */
  put(key: string, value: IdentityRecord | undefined): void {
    const before = this.#byKey.get(key)
    if (before?.kind === 'user') for (const { accessKeyId } of before.accessKeys) this.#userOfKey.delete(accessKeyId)
    const account = key.slice(0, key.indexOf('.'))
    const siblings = this.#byAccount.get(account) ?? new Map<string, IdentityRecord>()
    this.#byAccount.set(account, siblings)
    if (value === undefined) {
      this.#byKey.delete(key)
      siblings.delete(key)
      return
    }
    this.#byKey.set(key, value)
    siblings.set(key, value)
    if (value.kind === 'user') for (const { accessKeyId } of value.accessKeys) this.#userOfKey.set(accessKeyId, value)
  }

  role(account: AccountId, name: string): Role | undefined {
    const found = this.#byKey.get(identityKey(account, 'role', name))
    if (found?.kind === 'role') return found
    return name === fullAccessRoleName ? fullAccessRole(account) : undefined
  }

  user(account: AccountId, name: string): User | undefined {
    const found = this.#byKey.get(identityKey(account, 'user', name))
    return found?.kind === 'user' ? found : undefined
  }

  group(account: AccountId, name: string): Group | undefined {
    const found = this.#byKey.get(identityKey(account, 'group', name))
    return found?.kind === 'group' ? found : undefined
  }

  policy(account: AccountId, name: string): ManagedPolicy | undefined {
    const found = this.#byKey.get(identityKey(account, 'policy', name))
    return found?.kind === 'policy' ? found : undefined
  }

  roles(account: AccountId): readonly Role[] {
    const own = this.#all(account, 'role').filter((one) => one.kind === 'role')
    return inOrder([...own, fullAccessRole(account)])
  }

  users(account: AccountId): readonly User[] {
    return inOrder(this.#all(account, 'user').filter((one) => one.kind === 'user'))
  }

  groups(account: AccountId): readonly Group[] {
    return inOrder(this.#all(account, 'group').filter((one) => one.kind === 'group'))
  }

  policies(account: AccountId): readonly ManagedPolicy[] {
    return inOrder(this.#all(account, 'policy').filter((one) => one.kind === 'policy'))
  }

  userOfKey(accessKeyId: string): User | undefined {
    return this.#userOfKey.get(accessKeyId)
  }

  #all(account: AccountId, kind: IdentityKind): readonly IdentityRecord[] {
    return [...(this.#byAccount.get(account)?.values() ?? [])].filter((one) => one.kind === kind)
  }
}

const inOrder = <T extends IdentityRecord>(records: readonly T[]): readonly T[] =>
  records.toSorted((a, b) => (a.name < b.name ? -1 : 1))
