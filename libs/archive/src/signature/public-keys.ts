import { createHash, type KeyObject } from 'node:crypto'

/** The members of a public key that its thumbprint covers, in the order of RFC 7638. */
const thumbprintMembers: Readonly<Record<string, readonly string[]>> = {
  OKP: ['crv', 'kty', 'x'],
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
}

/** A public key as JSON (RFC 7517), reduced to what its kind needs; undefined for a kind that is not taken. */
export function publicJwk(key: KeyObject): Readonly<Record<string, string>> | undefined {
  const jwk = key.export({ format: 'jwk' }) as Readonly<Record<string, string | undefined>>
  const members = thumbprintMembers[jwk.kty ?? '']
  return members && Object.fromEntries(members.map((name) => [name, jwk[name] ?? '']))
}

/** SHA-256 thumbprint of RFC 7638, base64url: 43 characters. */
export const thumbprint = (jwk: Readonly<Record<string, string>>): string =>
  createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')

/** How a key signs, by the names of RFC 7518 and RFC 8037; undefined for a key that is not taken. */
export function algorithmOf(key: KeyObject): 'EdDSA' | 'ES256' | 'RS256' | undefined {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key
  if (kind === 'ed25519') return 'EdDSA'
  if (kind === 'ec') return details?.namedCurve === 'prime256v1' ? 'ES256' : undefined
  return kind === 'rsa' && (details?.modulusLength ?? 0) >= 2_048 ? 'RS256' : undefined
}
