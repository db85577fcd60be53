import type { FunctionUrlCors } from '@weft/contracts'

interface CorsRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

/** A browser asks whether it may: answered by the door itself, without authentication and without the function. */
export const isPreflight = ({ method, headers }: CorsRequest): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Headers of the answer to a preflight; none for an origin, method or header that is not allowed. */
export function preflightHeaders(cors: FunctionUrlCors, request: CorsRequest): Readonly<Record<string, string>> {
  const origin = originHeaders(cors, request)
  const method = request.headers['access-control-request-method'] ?? ''
  const asked = listOf(request.headers['access-control-request-headers'])
  const methods = cors.allowMethods ?? []
  const allowed = (cors.allowHeaders ?? []).map((name) => name.toLowerCase())
  if (!origin['access-control-allow-origin'] || !(methods.includes('*') || methods.includes(method))) return vary(cors)
  if (!allowed.includes('*') && asked.some((name) => !allowed.includes(name.toLowerCase()))) return vary(cors)
  // With credentials a star means a star to a browser, so what it asked for is named.
  const names = allowed.includes('*') ? asked : (cors.allowHeaders ?? [])
  return {
    ...origin,
    'access-control-allow-methods': methods.includes('*') ? (cors.allowCredentials ? method : '*') : methods.join(','),
    ...(names.length > 0 && { 'access-control-allow-headers': names.join(',') }),
    ...(cors.maxAgeSeconds !== undefined && { 'access-control-max-age': String(cors.maxAgeSeconds) }),
  }
}

/** Headers that every other answer gets. The function's own of these names give way to them. */
export function corsHeaders(cors: FunctionUrlCors, request: CorsRequest): Readonly<Record<string, string>> {
  const origin = originHeaders(cors, request)
  const exposed = cors.exposeHeaders ?? []
  if (!origin['access-control-allow-origin'] || exposed.length === 0) return origin
  return { ...origin, 'access-control-expose-headers': exposed.join(',') }
}

function originHeaders(cors: FunctionUrlCors, { headers }: CorsRequest): Readonly<Record<string, string>> {
  const { origin } = headers
  if (origin === undefined || !allowsOrigin(cors, origin)) return vary(cors)
  const everybody = cors.allowOrigins?.includes('*') === true && !cors.allowCredentials
  return {
    'access-control-allow-origin': everybody ? '*' : origin,
    ...(cors.allowCredentials && { 'access-control-allow-credentials': 'true' }),
    ...vary(cors),
  }
}

/** Where answers differ by origin, caches must know. */
const vary = ({ allowOrigins = [], allowCredentials }: FunctionUrlCors): Readonly<Record<string, string>> =>
  allowOrigins.includes('*') && !allowCredentials ? {} : { vary: 'Origin' }

const allowsOrigin = ({ allowOrigins = [] }: FunctionUrlCors, origin: string): boolean =>
  allowOrigins.some((pattern) => matches(pattern, origin))

/** A star stands for any run of characters. Finds the parts between stars one after another, so it takes no backtracking. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...parts] = pattern.split('*')
  const last = parts.pop()
  if (last === undefined) return pattern === text
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  const end = text.length - last.length
  for (const part of parts) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= end
}

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
