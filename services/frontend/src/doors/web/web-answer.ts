/** An answer of a function to an HTTP request, checked: nothing in it can break the response it becomes. */
export interface WebHead {
  readonly status: number
  /** Names as the function wrote them. */
  readonly headers: Readonly<Record<string, string>>
  /** Values of Set-Cookie headers. */
  readonly cookies: readonly string[]
}

export interface WebAnswer extends WebHead {
  readonly body: Buffer
}

const jsonType = 'application/json'
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/
/** About the connection between client and server, which is not the function's. */
const ofConnection: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'content-length', 'date'],
])

/**
 * What a function's payload means in payload format 2.0: an object with `statusCode` is a response, any other JSON is the
 * body of a 200. Undefined when it is neither, or a response that cannot be sent: AWS answers 502 then.
 */
export function webAnswer(payload: Uint8Array, defaultType = jsonType): WebAnswer | undefined {
  const value = parsed(payload)
  if (value === undefined) return undefined
  if (!isObject(value.json) || !('statusCode' in value.json)) {
    const body = Buffer.from(payload)
    return { status: 200, headers: { 'content-type': jsonType }, cookies: [], body }
  }
  const { body = '', isBase64Encoded = false } = value.json
  const head = webHead(value.json, defaultType)
  if (!head || (typeof body !== 'string' && body !== null) || typeof isBase64Encoded !== 'boolean') return undefined
  return { ...head, body: Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8') }
}

/** Status, headers and cookies of a response object. Undefined when they cannot be sent. */
export function webHead(
  response: Readonly<Record<string, unknown>>,
  defaultType: string | undefined,
): WebHead | undefined {
  const { statusCode = 200, headers: given, cookies: set } = response
  // Number() may call what a function has put into an object.
  const status = typeof statusCode === 'number' || typeof statusCode === 'string' ? Number(statusCode) : Number.NaN
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined
  const headers = readHeaders(given ?? {})
  const cookies = readCookies(set ?? [])
  if (!headers || !cookies) return undefined
  const typed = defaultType === undefined || Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')
  return { status, headers: typed ? headers : { 'content-type': defaultType, ...headers }, cookies }
}

function readHeaders(given: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(given)) return undefined
  const headers: [string, string][] = []
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue
    if (!['string', 'number', 'boolean'].includes(typeof value)) return undefined
    const text = String(value)
    if (!token.test(name) || !headerValue.test(text)) return undefined
    if (!ofConnection.has(name.toLowerCase())) headers.push([name, text])
  }
  return Object.fromEntries(headers)
}

const readCookies = (given: unknown): readonly string[] | undefined =>
  Array.isArray(given) && given.every((one): one is string => typeof one === 'string' && headerValue.test(one))
    ? given
    : undefined

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parsed(payload: Uint8Array): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(Buffer.from(payload).toString('utf8')) }
  } catch {
    // A custom runtime may answer with anything.
    return undefined
  }
}
