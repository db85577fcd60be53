import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

export const types = {
  image: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Answers a request instead of the registry; false: it does not. */
export type Intrusion = (request: IncomingMessage, response: ServerResponse) => boolean

export interface ImageParts {
  readonly layers?: readonly Buffer[]
  readonly architecture?: string
  readonly config?: object
  /** Of the manifest, the config and the layers. */
  readonly types?: { readonly image: string; readonly config: string; readonly layer: string }
}

/** A registry that speaks the distribution protocol for pulls, on a port of the loopback. */
export class FakeRegistry implements AsyncDisposable {
  readonly #server: Pick<Server, 'address' | 'close' | 'closeAllConnections'>
  readonly #blobs = new Map<string, Buffer>()
  /** By `repository:tag` and `repository@digest`. */
  readonly #manifests = new Map<string, { readonly type: string; readonly body: Buffer }>()
  /** Method and path of each request, in order. */
  readonly requests: string[] = []
  intrusion: Intrusion = () => false

  private constructor(server: Pick<Server, 'address' | 'close' | 'closeAllConnections'>) {
    this.#server = server
  }

  /** With a key and a certificate it speaks TLS. */
  static async start(tls?: { readonly key: string; readonly cert: string }): Promise<FakeRegistry> {
    const server = tls ? createTlsServer(tls) : createServer()
    const registry = new FakeRegistry(server)
    server.on('request', (request, response) => {
      registry.requests.push(`${request.method} ${request.url}`)
      if (!registry.intrusion(request, response)) registry.#answer(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return registry
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  /** `127.0.0.1:port`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  putBlob(blob: Buffer): string {
    const digest = digestOf(blob)
    this.#blobs.set(digest, blob)
    return digest
  }

  dropBlob(digest: string): void {
    this.#blobs.delete(digest)
  }

  putManifest(repository: string, tag: string, type: string, manifest: object | Buffer): string {
    const body = Buffer.isBuffer(manifest) ? manifest : Buffer.from(JSON.stringify(manifest))
    const digest = digestOf(body)
    this.#manifests.set(`${repository}:${tag}`, { type, body })
    this.#manifests.set(`${repository}@sha256:${digest}`, { type, body })
    return digest
  }

  /** Pushes an image; resolves to the hex digest of its manifest. */
  push(repository: string, tag: string, parts: ImageParts = {}): string {
    const { image, config: configType, layer } = parts.types ?? types
    const layers = (parts.layers ?? [gzipSync('one layer')]).map((blob) => descriptor(layer, blob))
    for (const blob of parts.layers ?? [gzipSync('one layer')]) this.putBlob(blob)
    const config = Buffer.from(
      JSON.stringify({ os: 'linux', architecture: parts.architecture ?? 'amd64', config: parts.config ?? {} }),
    )
    this.putBlob(config)
    const manifest = { schemaVersion: 2, mediaType: image, config: descriptor(configType, config), layers }
    return this.putManifest(repository, tag, image, manifest)
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url) ?? []
    const manifest =
      kind === 'manifests'
        ? this.#manifests.get(name?.startsWith('sha256:') ? `${repository}@${name}` : `${repository}:${name}`)
        : undefined
    const blob = kind === 'blobs' ? this.#blobs.get((name ?? '').replace('sha256:', '')) : undefined
    if (manifest) response.writeHead(200, { 'content-type': manifest.type }).end(manifest.body)
    else if (blob) sendBlob(response, blob, headers.range)
    else response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
  }
}

export const descriptor = (mediaType: string, blob: Buffer) => ({
  ...{ mediaType, size: blob.byteLength },
  digest: `sha256:${digestOf(blob)}`,
})

function sendBlob(response: ServerResponse, blob: Buffer, range: string | undefined): void {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const head = { 'content-length': blob.byteLength - from, 'content-type': 'application/octet-stream' }
  response.writeHead(range ? 206 : 200, {
    ...head,
    ...(range && { 'content-range': `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}` }),
  })
  response.end(blob.subarray(from))
}
