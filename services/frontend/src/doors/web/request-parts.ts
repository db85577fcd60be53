import type { DoorHead } from '../door.ts'

/** What functions get to see of the headers of an HTTP request: names in lower case, values of repeated ones joined. */
export interface WebHeaders {
  /** Without `cookie`. */
  readonly headers: Readonly<Record<string, string>>
  /** `name=value` each, in the order of arrival. */
  readonly cookies: readonly string[]
}

/** Reads header names and values that come in turns, as they arrived. */
export function foldHeaders(raw: readonly string[]): WebHeaders {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  const cookies: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    const value = raw[i + 1] as string
    if (name === 'cookie') {
      for (const cookie of value.split(';')) if (cookie.trim() !== '') cookies.push(cookie.trim())
    } else headers[name] = name in headers ? `${headers[name]},${value}` : value
  }
  return { headers: { ...headers }, cookies }
}

/** Pairs of a query, decoded; what cannot be decoded stays as it is. A plus is a space, as in forms. */
export function readQuery(rawQuery: string): readonly (readonly [string, string])[] {
  if (rawQuery === '') return []
  return rawQuery.split('&').flatMap((part) => {
    if (part === '') return []
    const at = part.indexOf('=')
    const name = at < 0 ? part : part.slice(0, at)
    return [[decoded(name), at < 0 ? '' : decoded(part.slice(at + 1))] as const]
  })
}

/** Repeated names with their values joined by commas; absent when there is no query. */
export function joinedQuery(rawQuery: string): Readonly<Record<string, string>> | undefined {
  const pairs = readQuery(rawQuery)
  if (pairs.length === 0) return undefined
  const joined = new Map<string, string>()
  for (const [name, value] of pairs) joined.set(name, joined.has(name) ? `${joined.get(name)},${value}` : value)
  return Object.fromEntries(joined)
}

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return text
  }
}

const textTypes = /^(text\/|application\/(json|javascript|xml)\b|application\/[\w.+-]+\+(json|xml)\b)/i

/** A body as an event carries it: text as it is when its type says so and its bytes are, anything else in base64. */
export function bodyOf(
  body: Buffer,
  headers: Readonly<Record<string, string>>,
): { readonly body?: string; readonly isBase64Encoded: boolean } {
  if (body.byteLength === 0) return { isBase64Encoded: false }
  if (textTypes.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined) {
    const text = body.toString('utf8')
    if (Buffer.byteLength(text) === body.byteLength && !text.includes('�'))
      return { body: text, isBase64Encoded: false }
  }
  return { body: body.toString('base64'), isBase64Encoded: true }
}

/** `12/Mar/2020:19:03:58 +0000`. */
export function clfTime(epochMs: number): string {
  const [, day, month, year, time] = new Date(epochMs).toUTCString().split(' ') as [
    string,
    string,
    string,
    string,
    string,
  ]
  return `${day}/${month}/${year}:${time} +0000`
}

/** Headers that a proxy in front of AWS's functions would have added, for those that no proxy has. */
export function forwarded(head: DoorHead): Readonly<Record<string, string>> {
  const [, port = '80'] = /:(\d+)$/.exec(head.headers.host ?? '') ?? []
  return {
    ...(head.sourceIp !== undefined && { 'x-forwarded-for': head.sourceIp }),
    'x-forwarded-port': port,
    'x-forwarded-proto': 'http',
  }
}
