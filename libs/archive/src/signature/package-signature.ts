import { createHash, createPublicKey, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto'
import { err, ok, type Result } from '@weft/contracts'
import { algorithmOf, publicJwk, thumbprint } from './public-keys.ts'
import { splitComment, withComment } from './zip-comment.ts'

/** Before the signature in the comment of a signed package. */
const mark = 'weft-signature:'
/** Far more than any key that is taken needs. */
const longestToken = 16_384

/** What a package's signature says, once it has been verified. */
export interface PackageSignature {
  /** Of the key that made it: what names a version of a signing profile. */
  readonly thumbprint: string
  /** Of this signing; a UUID. */
  readonly jobId: string
  /** Epoch ms; absent: good for ever. */
  readonly expiresAtMs?: number
}

interface Claims {
  readonly sha256: string
  readonly jti: string
  /** Epoch seconds. */
  readonly exp?: number
}

/**
 * Signs a package: its comment becomes `weft-signature:` and a JWS (RFC 7515) in compact form whose payload names the
 * SHA-256 of the package without comment, and whose header holds the public key. Takes Ed25519, P-256 and RSA keys.
 */
export function signPackage(
  zip: Buffer,
  privateKey: KeyObject,
  job: { readonly jobId: string; readonly expiresAtMs?: number },
): Result<Buffer, 'no-zip' | 'wrong-key'> {
  const parts = splitComment(zip)
  if (!parts) return err('no-zip')
  const publicKey = createPublicKey(privateKey)
  const jwk = publicJwk(publicKey)
  const alg = algorithmOf(publicKey)
  if (!jwk || !alg) return err('wrong-key')
  const claims: Claims = {
    sha256: sha256(parts.bare),
    jti: job.jobId,
    ...(job.expiresAtMs !== undefined && { exp: Math.floor(job.expiresAtMs / 1000) }),
  }
  const signed = `${encode({ alg, jwk })}.${encode(claims)}`
  const digest = alg === 'EdDSA' ? null : 'sha256'
  const signature = sign(digest, Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return ok(withComment(parts.bare, `${mark}${signed}.${signature.toString('base64url')}`))
}

/**
 * The signature of a package; undefined when it carries none. `broken`: it carries one that is not of this package or not
 * of the key it names. Whether the key is trusted and the signature still good is for the caller to decide.
 */
export function readSignature(zip: Buffer): Result<PackageSignature | undefined, 'broken'> {
  const parts = splitComment(zip)
  const comment = parts?.comment.toString('latin1') ?? ''
  if (!parts || !comment.startsWith(mark)) return ok(undefined)
  const token = comment.slice(mark.length)
  const [head, payload, signature] = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? token.split('.') : []
  if (!head || !payload || !signature || token.length > longestToken) return err('broken')
  const key = keyOf(decode(head))
  if (!key || !verifies(key, `${head}.${payload}`, signature)) return err('broken')
  const claims = claimsOf(decode(payload))
  if (claims?.sha256 !== sha256(parts.bare)) return err('broken')
  return ok({
    thumbprint: thumbprint(publicJwk(key) ?? {}),
    jobId: claims.jti,
    ...(claims.exp !== undefined && { expiresAtMs: claims.exp * 1000 }),
  })
}

type Json = Readonly<Record<string, unknown>>

/** The public key of a header whose algorithm is that of the key: what else it claims is not believed. */
function keyOf(header: Json | undefined): KeyObject | undefined {
  if (typeof header?.jwk !== 'object' || header.jwk === null || 'd' in header.jwk) return undefined
  try {
    const key = createPublicKey({ key: header.jwk as JsonWebKey, format: 'jwk' })
    return algorithmOf(key) === header.alg && header.alg !== undefined ? key : undefined
  } catch {
    // Node's one way to say that it is no key.
    return undefined
  }
}

const verifies = (key: KeyObject, signed: string, signature: string): boolean =>
  verify(
    algorithmOf(key) === 'EdDSA' ? null : 'sha256',
    Buffer.from(signed),
    { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )

function claimsOf(payload: Json | undefined): Claims | undefined {
  const { sha256: digest, jti, exp } = payload ?? {}
  if (typeof digest !== 'string' || typeof jti !== 'string' || !/^[0-9a-f-]{36}$/.test(jti)) return undefined
  if (exp !== undefined && !Number.isSafeInteger(exp)) return undefined
  return { sha256: digest, jti, ...(exp !== undefined && { exp: exp as number }) }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function decode(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Json) : undefined
  } catch {
    return undefined
  }
}
