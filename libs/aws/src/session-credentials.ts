import { createHmac, timingSafeEqual } from 'node:crypto'
import { type AccountId, type AwsError, awsError, err, isAccountId, ok, type Result } from '@weft/contracts'
import { unknownKey } from './sigv4/verify.ts'

/** Who a set of session credentials speaks for. */
export interface SessionClaims {
  readonly accountId: AccountId
  /** "" for the session of a user, or of the root of the account. */
  readonly roleArn: string
  /** Of the role as it was: one that is made anew under the same name is another. Absent: not known. */
  readonly roleId?: string
  /** Shows in the caller's ARN; the function's name where a function runs with its role. */
  readonly sessionName: string
  /** Epoch ms. */
  readonly expiresAtMs: number
  /** A policy document that narrows what the role may do. */
  readonly policy?: string
  /** ARNs of managed policies that do the same. */
  readonly policyArns?: readonly string[]
  /** Whose session it is where it is no role's; absent with no role: the root's. */
  readonly user?: { readonly name: string; readonly id: string }
}

export interface SessionCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** A token carries two short names, an ARN, and up to 2 KB of policy. */
const longestToken = 16_384
const version = 1

const mac = (clusterSecret: string, purpose: string, text: string): Buffer =>
  createHmac('sha256', clusterSecret).update(`weft-session-${purpose}\n${text}`).digest()

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Shaped like AWS's ids of temporary keys: ASIA and 16 characters. */
const keyIdOf = (clusterSecret: string, claims: string): string =>
  `ASIA${[...mac(clusterSecret, 'id', claims).subarray(0, 16)].map((byte) => base32[byte % 32]).join('')}`

const secretOf = (clusterSecret: string, claims: string): string =>
  mac(clusterSecret, 'secret', claims).toString('base64').slice(0, 40)

/**
 * Temporary credentials that need no store: the token carries the claims, sealed with the cluster's secret, and key id
 * and secret are derived from them. Whoever knows the cluster secret can open them; nobody else can make any.
 */
export function mintSession(clusterSecret: string, claims: SessionClaims): SessionCredentials {
  const { accountId, roleArn, sessionName, expiresAtMs, policy = null, policyArns = null, roleId = null } = claims
  const fields = [version, accountId, roleArn, sessionName, expiresAtMs, policy, policyArns, roleId]
  const text = JSON.stringify(claims.user ? [...fields, claims.user.name, claims.user.id] : fields)
  const seal = mac(clusterSecret, 'token', text)
  return {
    accessKeyId: keyIdOf(clusterSecret, text),
    secretAccessKey: secretOf(clusterSecret, text),
    sessionToken: `${Buffer.from(text).toString('base64url')}.${seal.toString('base64url')}`,
  }
}

/** Errors: UnrecognizedClientException for a token of another key or cluster, ExpiredTokenException past its end. */
export function openSession(
  clusterSecret: string,
  sessionToken: string,
  accessKeyId: string,
  nowMs: number,
): Result<SessionClaims & { readonly secretAccessKey: string }, AwsError> {
  if (sessionToken.length > longestToken) return err(unknownKey)
  const [body, seal, ...rest] = sessionToken.split('.')
  if (!body || !seal || rest.length > 0) return err(unknownKey)
  const text = Buffer.from(body, 'base64url').toString('utf8')
  const expected = mac(clusterSecret, 'token', text)
  const given = Buffer.from(seal, 'base64url')
  if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) return err(unknownKey)
  if (accessKeyId !== keyIdOf(clusterSecret, text)) return err(unknownKey)
  // What is under the seal was written by `mintSession`, maybe of another release.
  const fields = JSON.parse(text) as unknown[]
  const [kind, account, roleArn, sessionName, expiresAtMs, policy, policyArns, roleId, userName, userId] = fields
  if (kind !== version || typeof account !== 'string' || !isAccountId(account)) return err(unknownKey)
  if (typeof roleArn !== 'string' || typeof sessionName !== 'string' || typeof expiresAtMs !== 'number')
    return err(unknownKey)
  if (nowMs >= expiresAtMs)
    return err(awsError('ExpiredTokenException', 'The security token included in the request is expired'))
  return ok({
    accountId: account,
    roleArn,
    sessionName,
    expiresAtMs,
    ...(typeof roleId === 'string' && { roleId }),
    ...(typeof policy === 'string' && { policy }),
    ...(Array.isArray(policyArns) && { policyArns: policyArns.map(String) }),
    ...(typeof userName === 'string' && typeof userId === 'string' && { user: { name: userName, id: userId } }),
    secretAccessKey: secretOf(clusterSecret, text),
  })
}
