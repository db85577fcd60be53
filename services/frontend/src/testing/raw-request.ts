import { createHash, createHmac } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { SignatureV4 } from '@smithy/signature-v4'
import { type Keys, keys } from './frontend.ts'

class Sha256 {
  readonly #hash
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {
    throw new Error('not used')
  }
}
const bytesOf = (data: string | ArrayBuffer | ArrayBufferView): Buffer => {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data)
}

export interface RawRequest {
  readonly method?: string
  /** As it goes over the wire, percent-encoded; may hold a query. */
  readonly path: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly service?: string
  readonly region?: string
  readonly keys?: Keys
  readonly atMs?: number
  /** Sees the answer as soon as its head is there. */
  readonly onResponse?: (response: IncomingMessage) => void
  /** Changes what was signed. */
  readonly tamper?: (signed: {
    path: string
    headers: Record<string, string>
    body: Buffer
  }) => Partial<{ path: string; headers: Record<string, string>; body: Buffer }>
}

export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly code: string
  readonly message: string
}

/** Signs a request that no SDK would send, and sends it. */
export async function rawRequest(endpoint: string, raw: RawRequest): Promise<RawResponse> {
  const { hostname, port, host } = new URL(endpoint)
  const method = raw.method ?? 'POST'
  const body = Buffer.from(raw.body ?? '')
  const [path = '', query = ''] = raw.path.split('?')
  const signer = new SignatureV4({
    service: raw.service ?? 'lambda',
    region: raw.region ?? 'us-east-1',
    sha256: Sha256,
    applyChecksum: false,
    credentials: raw.keys ?? keys,
  })
  const signed = await signer.sign(
    {
      protocol: 'http:',
      hostname,
      method,
      path,
      query: queryBag(query),
      headers: { host, ...raw.headers },
      body,
    },
    { signingDate: new Date(raw.atMs ?? Date.now()) },
  )
  const plan = { path: raw.path, headers: signed.headers as Record<string, string>, body }
  return send(Number(port), method, { ...plan, ...raw.tamper?.(plan) }, raw.onResponse)
}

function queryBag(query: string): Record<string, string | string[]> {
  const bag: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const pair of query === '' ? [] : query.split('&')) {
    const [name = '', value = ''] = pair.split('=').map((text) => {
      try {
        return decodeURIComponent(text)
      } catch {
        return text
      }
    })
    bag[name] = [...(bag[name] ?? []), value]
  }
  return { ...bag }
}

const send = (
  port: number,
  method: string,
  { path, headers, body }: { path: string; headers: Record<string, string>; body: Buffer },
  onResponse?: RawRequest['onResponse'],
): Promise<RawResponse> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', method, path, headers: { ...headers, 'content-length': body.byteLength } },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        onResponse?.(response)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            code: String(response.headers['x-amzn-errortype'] ?? ''),
            message: messageOf(text),
          })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })

function messageOf(text: string): string {
  try {
    const body = JSON.parse(text) as { message?: string; Message?: string } | null
    return body?.message ?? body?.Message ?? ''
  } catch {
    return ''
  }
}
