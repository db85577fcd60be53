import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'

/** SHA-256 as the signer of the AWS SDK wants it. */
class Sha256 {
  readonly #hash
  constructor(secret?: string | Uint8Array | ArrayBuffer) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string | Uint8Array)
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
}

export interface SignedAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export interface SignedRequest {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  readonly service: string
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body?: string | Buffer<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  /** Access key, whose secret is `secret`. */
  readonly key: string
}

/** Sends one request as the SDK of AWS signs it. */
export async function signedFetch(request: SignedRequest): Promise<SignedAnswer> {
  const { host, service, method, path, body = '', headers = {}, key } = request
  const [pathname = '', query = ''] = path.split('?')
  const signer = new SignatureV4({
    service,
    region: 'us-east-1',
    sha256: Sha256 as never,
    credentials: { accessKeyId: key, secretAccessKey: 'secret' },
    uriEscapePath: service !== 's3',
  })
  const signed = await signer.sign({
    method,
    protocol: 'http:',
    hostname: host,
    path: pathname,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: { host, ...headers },
    body,
  })
  const response = await fetch(`http://${host}${path}`, {
    method,
    headers: signed.headers,
    ...(body !== '' && { body }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}
