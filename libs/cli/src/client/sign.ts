import { createHash, createHmac } from 'node:crypto'

export interface SigningKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

export interface RequestToSign {
  readonly method: string
  readonly url: URL
  /** The credential scope's service, for example "lambda" or "logs"; it chooses the AWS service behind the one port. */
  readonly service: string
  /** Signed beside `host` and the date; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

const percentEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

const canonicalQuery = (url: URL): string =>
  [...url.searchParams]
    .map(([key, value]) => `${percentEncode(key)}=${percentEncode(value)}`)
    .sort()
    .join('&')

/** Paths are encoded once more for every service but S3. */
const canonicalPath = (path: string, service: string): string =>
  service === 's3' ? path : path.split('/').map(percentEncode).join('/')

/**
 * All headers of a request signed with AWS Signature Version 4: those given, `host`, the date and `authorization`.
 * Source: AWS, "Create a signed AWS API request".
 */
export function signRequest(request: RequestToSign, keys: SigningKeys, nowMs: number): Record<string, string> {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = [stamp.slice(0, 8), keys.region, request.service, 'aws4_request']
  const digest = sha256(request.body ?? '')
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.url.host,
    'x-amz-date': stamp,
    ...(request.service === 's3' && { 'x-amz-content-sha256': digest }),
  }
  const names = Object.keys(headers).sort()
  const canonical = [
    request.method,
    canonicalPath(request.url.pathname, request.service),
    canonicalQuery(request.url),
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    digest,
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${keys.secretAccessKey}`)
  const signature = hmac(key as Buffer, toSign).toString('hex')
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope.join('/')}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return headers
}
