import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { type AwsChunkedBody, parseAwsChunked } from '../aws-chunked.ts'

export interface ChunkSigning {
  readonly key: KeyObject
  readonly stamp: string
  /** `date/region/service/aws4_request`. */
  readonly scope: string
  /** Of the request's headers; hex. */
  readonly seed: string
}

const sha256 = (data: string | Uint8Array): string => hash('sha256', data, 'hex')
const nothing = sha256('')
const trailerSignature = 'x-amz-trailer-signature'

/**
 * Whether every chunk of an `aws-chunked` body carries the signature that continues the one before it, from the
 * headers' own to the trailers'. S3 API reference, "Signature calculations for the Authorization header: transferring
 * payload in multiple chunks". `withTrailer`: the trailers are signed too.
 */
export function chunksAreSigned(body: Uint8Array, signing: ChunkSigning, withTrailer: boolean): boolean {
  const parsed = parseAwsChunked(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
  if (!parsed.ok) return false
  let previous = signing.seed
  const continues = (algorithm: string, given: string | undefined, hashes: string): boolean => {
    const text = `${algorithm}\n${signing.stamp}\n${signing.scope}\n${previous}\n${hashes}`
    const expected = createHmac('sha256', signing.key).update(text).digest()
    if (given === undefined || !/^[0-9a-f]{64}$/.test(given)) return false
    previous = given
    return timingSafeEqual(expected, Buffer.from(given, 'hex'))
  }
  const { chunks, trailers } = parsed.value
  const sound = chunks.every(({ data, signature }) =>
    continues('AWS4-HMAC-SHA256-PAYLOAD', signature, `${nothing}\n${sha256(data)}`),
  )
  if (!sound || !withTrailer) return sound && trailers.length === 0
  const given = trailers.find(({ name }) => name === trailerSignature)?.value
  return continues('AWS4-HMAC-SHA256-TRAILER', given, sha256(signedTrailers(trailers)))
}

const signedTrailers = (trailers: AwsChunkedBody['trailers']): string =>
  trailers
    .filter(({ name }) => name !== trailerSignature)
    .map(({ name, value }) => `${name}:${value}\n`)
    .join('')
