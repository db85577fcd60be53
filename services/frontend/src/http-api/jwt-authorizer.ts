import type { HttpJwtAuthorizer, HttpRoute } from '@weft/contracts'
import type { DoorHead } from '../doors/door.ts'
import { readQuery } from '../doors/web/request-parts.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { checkClaims, isSignedBy, parseJwt, scopesOf } from './jwt.ts'

export type JwtDecision =
  | {
      readonly allowed: true
      readonly claims: Readonly<Record<string, string>>
      readonly scopes: readonly string[] | null
    }
  | { readonly allowed: false; readonly status: 401 | 403; readonly reason: string }

const unauthorized = (reason: string): JwtDecision => ({ allowed: false, status: 401, reason })

/** Whether a request may pass a route by the token it carries. */
export async function decideByJwt(
  head: DoorHead,
  { jwtConfiguration, identitySource }: HttpJwtAuthorizer,
  { authorizationScopes = [] }: Pick<HttpRoute, 'authorizationScopes'>,
  keys: IssuerKeys,
  nowMs: number,
): Promise<JwtDecision> {
  const token = tokenOf(head, identitySource[0] ?? '')
  if (token === undefined) return unauthorized('there is no token')
  const jwt = parseJwt(token)
  if (!jwt) return unauthorized('the token cannot be read')
  const { issuer, audience } = jwtConfiguration
  // Before keys are fetched: a stranger's token costs nothing.
  const fits = checkClaims(jwt.claims, { issuer, audience, nowMs })
  if (!fits.ok) return unauthorized(fits.error)
  const candidates = await keys.find(issuer, jwt.header.kid)
  if (!candidates.some((key) => isSignedBy(jwt, key))) return unauthorized('the signature is not one of the issuer')
  const granted = scopesOf(jwt.claims)
  const scopes = authorizationScopes.filter((scope) => granted.includes(scope))
  if (authorizationScopes.length > 0 && scopes.length === 0)
    return { allowed: false, status: 403, reason: 'the token has none of the scopes' }
  return { allowed: true, claims: texts(jwt.claims), scopes: scopes.length > 0 ? scopes : null }
}

function tokenOf({ headers, rawQuery }: DoorHead, source: string): string | undefined {
  const [, place, name = ''] = /^\$request\.(header|querystring)\.(.+)$/.exec(source) ?? []
  const text = place === 'header' ? headers[name.toLowerCase()] : readQuery(rawQuery).find(([one]) => one === name)?.[1]
  return text === undefined || text === '' ? undefined : text.replace(/^bearer +/i, '')
}

/** Claims reach functions as text: lists in brackets, separated by spaces, as on AWS. */
const texts = (claims: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, text(value)]))

const text = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(text).join(' ')}]`
    : typeof value === 'object' && value !== null
      ? JSON.stringify(value)
      : String(value)
