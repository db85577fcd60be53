import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { err, ok, type Result } from '@weft/contracts'

/** A key of an issuer, as its JWKS has it. */
export type Jwk = JsonWebKey & { readonly kid?: string; readonly alg?: string; readonly use?: string }

export interface Jwt {
  readonly header: { readonly alg: string; readonly kid: string | undefined }
  readonly claims: Readonly<Record<string, unknown>>
  readonly signed: Buffer
  readonly signature: Buffer
}

export interface JwtExpectations {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly nowMs: number
}

const algorithms: Readonly<Record<string, string>> = {
  RS256: 'sha256',
  RS384: 'sha384',
  RS512: 'sha512',
  ES256: 'sha256',
  ES384: 'sha384',
}
/** Tokens are some kilobytes; headers end at 64 KiB anyway. */
const mostBytes = 32 * 1024

/** Reads a compact JWT without believing it. */
export function parseJwt(token: string): Jwt | undefined {
  const [header = '', claims = '', signature = '', ...more] = token.split('.')
  if (more.length > 0 || token.length > mostBytes || ![header, claims, signature].every(isBase64Url)) return undefined
  const head = object(header)
  const body = object(claims)
  if (!head || !body || typeof head.alg !== 'string' || !Object.hasOwn(algorithms, head.alg)) return undefined
  if (head.kid !== undefined && typeof head.kid !== 'string') return undefined
  // An extension that must be understood is not.
  if (head.crit !== undefined) return undefined
  return {
    header: { alg: head.alg, kid: head.kid },
    claims: body,
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, 'base64url'),
  }
}

const isBase64Url = (text: string): boolean => /^[A-Za-z0-9_-]+$/.test(text)

function object(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    // A caller may send anything.
    return undefined
  }
}

/** Whether the key made the signature. A key says what it is for; the token does not get to choose. */
export function isSignedBy({ header, signed, signature }: Jwt, jwk: Jwk): boolean {
  const isEc = header.alg.startsWith('ES')
  if (jwk.kty !== (isEc ? 'EC' : 'RSA') || (jwk.use !== undefined && jwk.use !== 'sig')) return false
  if (jwk.alg !== undefined && jwk.alg !== header.alg) return false
  if (isEc && jwk.crv !== (header.alg === 'ES256' ? 'P-256' : 'P-384')) return false
  const key = keyOf(jwk)
  if (!key) return false
  return verify(algorithms[header.alg], signed, { key, ...(isEc && { dsaEncoding: 'ieee-p1363' }) }, signature)
}

const keys = new WeakMap<Jwk, KeyObject>()

function keyOf(jwk: Jwk): KeyObject | undefined {
  try {
    const key = keys.get(jwk) ?? createPublicKey({ key: jwk, format: 'jwk' })
    keys.set(jwk, key)
    return key
  } catch {
    // What an issuer publishes is its own affair; a key that cannot be read has signed nothing.
    return undefined
  }
}

/** Whether the claims fit (API Gateway's guide, "Control access to HTTP APIs with JWT authorizers"); the error says why not. */
export function checkClaims(
  { iss, aud, client_id: clientId, exp, nbf, iat }: Readonly<Record<string, unknown>>,
  { issuer, audience, nowMs }: JwtExpectations,
): Result<void, string> {
  const now = nowMs / 1_000
  if (iss !== issuer) return err('the issuer of the token is not the one that is expected')
  const named = aud === undefined ? [clientId] : Array.isArray(aud) ? aud : [aud]
  if (!named.some((one) => typeof one === 'string' && audience.includes(one)))
    return err('the token is for another audience')
  if (typeof exp !== 'number' || exp <= now) return err('the token has expired')
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= now)) return err('the token is not valid yet')
  if (iat !== undefined && !(typeof iat === 'number' && iat <= now)) return err('the token is from the future')
  return ok(undefined)
}

/** Scopes of a token: `scope`, separated by spaces, or `scp`. */
export function scopesOf({ scope, scp }: Readonly<Record<string, unknown>>): readonly string[] {
  const given = scope ?? scp
  if (typeof given === 'string') return given.split(' ').filter((one) => one !== '')
  return Array.isArray(given) ? given.filter((one): one is string => typeof one === 'string') : []
}
