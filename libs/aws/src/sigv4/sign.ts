import { createHash, createHmac } from 'node:crypto'
import { toStamp } from './authorization.ts'
import { canonicalRequest } from './canonical.ts'
import { SigningKeys } from './signing-keys.ts'

export interface SigningCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface UnsignedRequest {
  readonly method: string
  readonly url: URL
  /** Lower-case names; all of them are signed, and the host. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface SigningScope {
  readonly service: string
  readonly region: string
  /** Epoch ms. */
  readonly nowMs: number
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** The headers that sign a request with AWS Signature Version 4, those it came with included. */
export function signRequest(
  { method, url, headers, body }: UnsignedRequest,
  { accessKeyId, secretAccessKey, sessionToken }: SigningCredentials,
  { service, region, nowMs }: SigningScope,
): Record<string, string> {
  const stamp = toStamp(nowMs)
  const date = stamp.slice(0, 8)
  const payloadHash = sha256(body)
  const signed: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-date': stamp,
    'x-amz-content-sha256': payloadHash,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  }
  const signedHeaders = Object.keys(signed).sort()
  const scope = `${date}/${region}/${service}/aws4_request`
  const head = { method, rawPath: url.pathname, rawQuery: url.search.slice(1), headers: signed }
  const claimed = {
    ...{ accessKeyId, date, region, service, terminator: 'aws4_request' },
    signedHeaders,
    signature: '',
    stamp,
  }
  const canonical = canonicalRequest(head, claimed, payloadHash)
  if (canonical === undefined) throw new TypeError(`the query of ${url.pathname} is not well formed`)
  const signature = createHmac('sha256', new SigningKeys().get(claimed, secretAccessKey))
    .update(`AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`)
    .digest('hex')
  return {
    ...signed,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
  }
}
