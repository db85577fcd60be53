import { parseQuery, percentDecode, percentEncode } from '../percent.ts'
import type { ClaimedSignature, SignedHead } from './authorization.ts'

/**
 * The canonical request of Signature Version 4; undefined when the query's escapes are malformed.
 * Source: AWS, "Create a signed AWS API request".
 */
export function canonicalRequest(head: SignedHead, claimed: ClaimedSignature, payloadHash: string): string | undefined {
  const query = canonicalQuery(head.rawQuery, claimed.expiresSeconds !== undefined)
  if (query === undefined) return undefined
  const lines = [head.method, claimed.service === 's3' ? onceEncoded(head.rawPath) : twiceEncoded(head.rawPath), query]
  for (const name of claimed.signedHeaders)
    lines.push(`${name}:${(head.headers[name] ?? '').trim().replace(/ +/g, ' ')}`)
  lines.push('', claimed.signedHeaders.join(';'), payloadHash)
  return lines.join('\n')
}

/** The path as it was sent, normalised and encoded once more. */
export function twiceEncoded(rawPath: string): string {
  const segments: string[] = []
  for (const segment of rawPath.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') segments.pop()
    else segments.push(percentEncode(segment))
  }
  const trailing = segments.length > 0 && rawPath.endsWith('/') ? '/' : ''
  return `/${segments.join('/')}${trailing}`
}

/** S3 keys may hold any character, so its paths are neither normalised nor encoded again. */
export const onceEncoded = (rawPath: string): string =>
  rawPath
    .split('/')
    .map((segment) => {
      const decoded = percentDecode(segment)
      return decoded === undefined ? segment : percentEncode(decoded)
    })
    .join('/')

function canonicalQuery(rawQuery: string, presigned: boolean): string | undefined {
  if (rawQuery === '') return ''
  const pairs = parseQuery(rawQuery)
  if (!pairs) return undefined
  return pairs
    .filter((pair) => !(presigned && pair.name === 'X-Amz-Signature'))
    .map((pair) => [percentEncode(pair.name), percentEncode(pair.value)] as const)
    .sort(([an, av], [bn, bv]) => (an < bn ? -1 : an > bn ? 1 : av < bv ? -1 : av > bv ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}
