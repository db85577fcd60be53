/** Percent-decodes once, as UTF-8; undefined when the escapes are malformed. A `+` stays a plus. */
export function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
export const percentEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

export interface QueryPair {
  readonly name: string
  readonly value: string
}

/** Reads `a=1&b=2&c`; undefined when an escape is malformed. */
export function parseQuery(rawQuery: string): readonly QueryPair[] | undefined {
  if (rawQuery === '') return []
  const pairs: QueryPair[] = []
  for (const part of rawQuery.split('&')) {
    if (part === '') continue
    const at = part.indexOf('=')
    const name = percentDecode(at < 0 ? part : part.slice(0, at))
    const value = percentDecode(at < 0 ? '' : part.slice(at + 1))
    if (name === undefined || value === undefined) return undefined
    pairs.push({ name, value })
  }
  return pairs
}
