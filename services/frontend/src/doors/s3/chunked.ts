import { err, ok, type Result } from '@weft/contracts'

export interface DecodedBody {
  readonly body: Buffer
  /** Names in lower case. */
  readonly trailers: ReadonlyMap<string, string>
}

const lineBreak = Buffer.from('\r\n')
const longestLine = 4_096

/**
 * Takes the framing of `aws-chunked` off: hex sizes (with extensions, which are not looked at), bytes, and trailers
 * after the chunk of size 0. S3 API reference, "Transferring payload in multiple chunks". Pure.
 */
export function decodeChunked(framed: Buffer): Result<DecodedBody, 'malformed'> {
  const parts: Buffer[] = []
  let at = 0
  const line = (): string | undefined => {
    const end = framed.indexOf(lineBreak, at)
    if (end < 0 || end - at > longestLine) return undefined
    const text = framed.toString('latin1', at, end)
    at = end + 2
    return text
  }
  for (;;) {
    const [, digits] = /^([0-9a-fA-F]{1,8})(;.*)?$/.exec(line() ?? '') ?? []
    if (digits === undefined) return err('malformed')
    const size = Number.parseInt(digits, 16)
    if (size === 0) break
    const bytes = framed.subarray(at, at + size)
    if (bytes.length < size || !framed.subarray(at + size, at + size + 2).equals(lineBreak)) return err('malformed')
    parts.push(bytes)
    at += size + 2
  }
  const trailers = new Map<string, string>()
  while (at < framed.length) {
    const text = line()
    if (text === undefined) return err('malformed')
    if (text === '') continue
    const [, name, value] = /^([\w-]+):(.*)$/.exec(text) ?? []
    if (name === undefined || value === undefined) return err('malformed')
    trailers.set(name.toLowerCase(), value.trim())
  }
  return ok({ body: Buffer.concat(parts), trailers })
}
