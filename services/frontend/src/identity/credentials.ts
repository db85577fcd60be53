import { hash, timingSafeEqual } from 'node:crypto'
import { type KeyLookup, openSession, type SessionClaims, unknownKey } from '@weft/aws'
import { type AwsError, err, ok, type Result } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import { arnOfIdentity, type Identities } from '@weft/policy'
import type { Catalogue } from '@weft/registry'
import type { Principal } from '../doors/door.ts'

export interface CredentialOwner {
  readonly secretAccessKey: string
  readonly principal: Principal
}

export interface CredentialsDeps {
  readonly catalogue: Pick<Catalogue, 'accountOfKey' | 'account'>
  readonly identities: Pick<Identities, 'user' | 'userOfKey'>
  readonly clusterSecret: string
  readonly clock: Pick<Clock, 'now'>
}

interface KnownSession {
  readonly accessKeyId: string
  readonly expiresAtMs: number
  readonly owner: CredentialOwner
}

/** Tokens of functions that are calling right now; a token has up to 16 KB. */
const mostKnownSessions = 1_024

/** Who the holder of a key is, for the doors that verify signatures and for those that are told the secret. */
export class Credentials {
  readonly #deps: CredentialsDeps
  /** Opened tokens: opening one costs as much as a whole signature. */
  readonly #sessions = new Map<string, KnownSession>()

  constructor(deps: CredentialsDeps) {
    this.#deps = deps
  }

  /**
   * Keys of accounts (their root) and of IAM users from memory; session credentials from what they say of themselves, under the
   * fabric's seal.
   */
  readonly lookup: KeyLookup<CredentialOwner> = (accessKeyId, sessionToken) => {
    if (sessionToken !== undefined) return this.#session(accessKeyId, sessionToken)
    const { catalogue, identities } = this.#deps
    const account = catalogue.accountOfKey(accessKeyId)
    const key = account?.accessKeys.find((one) => one.accessKeyId === accessKeyId)
    if (account && key?.status === 'Active') {
      const { accountId } = account
      const principal = { accountId, arn: `arn:aws:iam::${accountId}:root`, keyId: accessKeyId }
      return ok({ secretAccessKey: key.secretAccessKey, principal })
    }
    const user = identities.userOfKey(accessKeyId)
    const own = user?.accessKeys.find((one) => one.accessKeyId === accessKeyId)
    if (!user || own?.status !== 'Active' || !catalogue.account(user.accountId)) return err(unknownKey)
    const { accountId, name, id } = user
    const principal = { accountId, arn: arnOfIdentity(user), keyId: accessKeyId, user: { name, id } }
    return ok({ secretAccessKey: own.secretAccessKey, principal })
  }

  /**
   * For a door where the caller tells its secret instead of signing with it. One refusal for an unknown key, an inactive one and
   * a wrong secret, and the same work for all: a caller learns nothing of which keys exist.
   */
  authenticate(accessKeyId: string, secret: string, sessionToken?: string): Result<Principal, AwsError> {
    const owner = this.lookup(accessKeyId, sessionToken)
    const same = sameSecret(secret, owner.ok ? owner.value.secretAccessKey : '')
    if (!owner.ok) return owner
    return same ? ok(owner.value.principal) : err(unknownKey)
  }

  #session(accessKeyId: string, sessionToken: string): Result<CredentialOwner, AwsError> {
    const { clock } = this.#deps
    const known = this.#sessions.get(sessionToken)
    const fresh = known?.accessKeyId === accessKeyId && clock.now() < known.expiresAtMs ? ok(known) : undefined
    const session = fresh ?? this.#open(accessKeyId, sessionToken)
    if (!session.ok) return session
    return this.#lives(session.value.owner.principal) ? ok(session.value.owner) : err(unknownKey)
  }

  #open(accessKeyId: string, sessionToken: string): Result<KnownSession, AwsError> {
    const { clusterSecret, clock } = this.#deps
    const opened = openSession(clusterSecret, sessionToken, accessKeyId, clock.now())
    if (!opened.ok) return opened
    const { expiresAtMs, secretAccessKey } = opened.value
    const principal = opened.value.roleArn === '' ? this.#ownSession(opened.value) : roleSession(opened.value)
    if (!principal) return err(unknownKey)
    const owner = { secretAccessKey, principal: { ...principal, keyId: accessKeyId } }
    const known = { accessKeyId, expiresAtMs, owner }
    if (this.#sessions.size >= mostKnownSessions) {
      const oldest = this.#sessions.keys().next().value
      if (oldest !== undefined) this.#sessions.delete(oldest)
    }
    this.#sessions.set(sessionToken, known)
    return ok(known)
  }

  /** The session of a user or of the root itself. */
  #ownSession({ accountId, user }: SessionClaims): Omit<Principal, 'keyId'> | undefined {
    if (!user) return { accountId, arn: `arn:aws:iam::${accountId}:root`, temporary: true }
    const now = this.#deps.identities.user(accountId, user.name)
    return now && { accountId, arn: arnOfIdentity(now), user, temporary: true }
  }

  /** A session ends with its account, and that of a user with the user. */
  #lives({ accountId, user }: Principal): boolean {
    const { catalogue, identities } = this.#deps
    if (!catalogue.account(accountId)) return false
    return user === undefined || identities.user(accountId, user.name)?.id === user.id
  }
}

function roleSession(claims: SessionClaims): Omit<Principal, 'keyId'> {
  const { accountId, roleArn, roleId, sessionName, policy, policyArns } = claims
  const session = {
    roleArn,
    sessionName,
    ...(roleId !== undefined && { roleId }),
    ...(policy !== undefined && { policy }),
    ...(policyArns !== undefined && { policyArns }),
  }
  const role = roleArn.slice(roleArn.lastIndexOf('/') + 1)
  return { accountId, arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${sessionName}`, session }
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer')
const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))
