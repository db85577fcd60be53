import { err, ok, type Result } from '@weft/contracts'

export interface AwsChunk {
  readonly data: Buffer
  /** Value of the extension `chunk-signature`. */
  readonly signature?: string
}

export interface AwsChunkedBody {
  /** The last one is empty. */
  readonly chunks: readonly AwsChunk[]
  /** As sent, in order; names in lower case. */
  readonly trailers: readonly { readonly name: string; readonly value: string }[]
}

const lineBreak = Buffer.from('\r\n')
const longestLine = 4_096

/**
 * Takes the framing of `aws-chunked` apart: hex sizes with extensions, bytes, and trailers after the chunk of size 0.
 * S3 API reference, "Transferring payload in multiple chunks". The data are views of the body, not copies.
 */
export function parseAwsChunked(body: Buffer): Result<AwsChunkedBody, 'malformed'> {
  const chunks: AwsChunk[] = []
  let at = 0
  const line = (): string | undefined => {
    const end = body.indexOf(lineBreak, at)
    if (end < 0 || end - at > longestLine) return undefined
    const text = body.toString('latin1', at, end)
    at = end + 2
    return text
  }
  for (;;) {
    const [, digits, extension] = /^([0-9a-fA-F]{1,8})(;.*)?$/.exec(line() ?? '') ?? []
    if (digits === undefined) return err('malformed')
    const size = Number.parseInt(digits, 16)
    const signature = /;chunk-signature=([0-9a-f]{64})(;|$)/.exec(extension ?? '')?.[1]
    const data = body.subarray(at, at + size)
    chunks.push({ data, ...(signature !== undefined && { signature }) })
    if (size === 0) break
    if (data.length < size || !body.subarray(at + size, at + size + 2).equals(lineBreak)) return err('malformed')
    at += size + 2
  }
  const trailers: { name: string; value: string }[] = []
  while (at < body.length) {
    const text = line()
    if (text === undefined) return err('malformed')
    if (text === '') continue
    const [, name, value] = /^([\w-]+):(.*)$/.exec(text) ?? []
    if (name === undefined || value === undefined) return err('malformed')
    trailers.push({ name: name.toLowerCase(), value: value.trim() })
  }
  return ok({ chunks, trailers })
}
