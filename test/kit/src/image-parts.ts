import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import tar from 'tar-stream'

/** What lies at a path: text or bytes of a file, or more precisely an entry of a tar. */
export type LayerFile = string | Buffer | { readonly content?: string | Buffer; readonly header: Partial<tar.Header> }
export type LayerFiles = Readonly<Record<string, LayerFile>>

export interface BuiltLayer {
  readonly blob: Buffer
  readonly mediaType: string
  /** Of the tar, not compressed. */
  readonly diffId: string
}

export interface ImageParts {
  /** Base first. */
  readonly layers: readonly BuiltLayer[]
  /** `config` of the image's config: Entrypoint, Cmd, Env, WorkingDir. */
  readonly config?: Readonly<Record<string, unknown>>
  /** As Go names it; that of this host by default. */
  readonly architecture?: string
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'
export const hostArchitecture = process.arch === 'arm64' ? 'arm64' : 'amd64'

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A layer as a registry stores it. Folders on the way are made by whoever unpacks it. */
export async function buildLayer(
  files: LayerFiles,
  compression: 'gzip' | 'zstd' | 'none' = 'gzip',
): Promise<BuiltLayer> {
  const pack = tar.pack()
  const content = buffer(pack)
  for (const [name, file] of Object.entries(files)) {
    const plain = typeof file === 'string' || Buffer.isBuffer(file)
    const header = plain ? { mode: 0o755 } : file.header
    const bytes = plain ? file : (file.content ?? '')
    pack.entry({ name, mode: 0o755, mtime: new Date(0), ...header }, bytes)
  }
  pack.finalize()
  const archive = await content
  const type = 'application/vnd.oci.image.layer.v1.tar'
  const diffId = digestOf(archive)
  switch (compression) {
    case 'gzip':
      return { blob: gzipSync(archive, { level: 1 }), mediaType: `${type}+gzip`, diffId }
    case 'zstd':
      return { blob: zstdCompressSync(archive), mediaType: `${type}+zstd`, diffId }
    case 'none':
      return { blob: archive, mediaType: type, diffId }
  }
}

/** Stores blobs, config and manifest; resolves to the manifest's digest. */
export async function putImage(repositoryUrl: string, tag: string, image: ImageParts): Promise<string> {
  const config = Buffer.from(
    JSON.stringify({
      ...{ architecture: image.architecture ?? hostArchitecture, os: 'linux', config: image.config ?? {} },
      rootfs: { type: 'layers', diff_ids: image.layers.map(({ diffId }) => diffId) },
    }),
  )
  const blobs = [
    ...image.layers.map(({ blob, mediaType }) => ({ blob, mediaType })),
    { blob: config, mediaType: 'application/vnd.oci.image.config.v1+json' },
  ]
  for (const { blob } of blobs) await putBlob(repositoryUrl, blob)
  const described = blobs.map(({ blob, mediaType }) => ({ mediaType, digest: digestOf(blob), size: blob.length }))
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: described.at(-1),
    layers: described.slice(0, -1),
  }
  return putManifest(repositoryUrl, tag, manifestType, Buffer.from(JSON.stringify(manifest)))
}

export async function putManifest(
  repositoryUrl: string,
  reference: string,
  mediaType: string,
  manifest: Buffer,
): Promise<string> {
  const headers = { 'Content-Type': mediaType }
  const answer = await fetch(`${repositoryUrl}/manifests/${reference}`, {
    method: 'PUT',
    headers,
    body: new Uint8Array(manifest),
  })
  if (answer.status !== 201) throw new Error(`the registry refuses a manifest: ${answer.status} ${await answer.text()}`)
  return digestOf(manifest)
}

async function putBlob(repositoryUrl: string, blob: Buffer): Promise<void> {
  const digest = digestOf(blob)
  const there = await fetch(`${repositoryUrl}/blobs/${digest}`, { method: 'HEAD' })
  if (there.status === 200) return
  const begun = await fetch(`${repositoryUrl}/blobs/uploads/`, { method: 'POST' })
  const location = new URL(begun.headers.get('location') ?? '', repositoryUrl)
  location.searchParams.set('digest', digest)
  const headers = { 'Content-Type': 'application/octet-stream' }
  const stored = await fetch(location, { method: 'PUT', headers, body: new Uint8Array(blob) })
  if (stored.status !== 201) throw new Error(`the registry refuses a blob: ${stored.status} ${await stored.text()}`)
}

/** A folder of the host as it would be in a layer; `skip` names what is left out, by its last part. */
export function hostFolder(folder: string, inside = folder, skip: readonly string[] = []): LayerFiles {
  const files: Record<string, LayerFile> = {}
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skip.includes(entry.name)) continue
    const path = join(folder, entry.name)
    const to = join(inside, entry.name)
    if (entry.isDirectory()) Object.assign(files, hostFolder(path, to, skip))
    else if (entry.isSymbolicLink()) files[to] = { header: { type: 'symlink', linkname: readlinkSync(path) } }
    else if (entry.isFile()) files[to] = hostFile(path)
  }
  return files
}

const hostFile = (path: string): LayerFile => {
  const { mode, mtime } = statSync(path)
  return { content: readFileSync(path), header: { mode: mode & 0o777, mtime } }
}

/** Programs of the host with the libraries that they load, each where the loader looks for it. */
export function hostPrograms(programs: Readonly<Record<string, string>>): LayerFiles {
  const files: Record<string, LayerFile> = {}
  for (const [inside, program] of Object.entries(programs)) {
    files[inside] = hostFile(realpathSync(program))
    const listed = execFileSync('ldd', [realpathSync(program)], { encoding: 'utf8' })
    for (const [, library = ''] of listed.matchAll(/(\/[^\s:]+) \(0x/g))
      files[library] = hostFile(realpathSync(library))
  }
  return files
}

const notNeeded = ['test', 'tests', 'idlelib', 'tkinter', 'lib2to3', 'ensurepip', 'pydoc_data', 'sitecustomize.py']

/** The host's Python 3.11 with its standard library, a shell, and a runtime that serves the handler of an image's command. */
export function pythonBase(): LayerFiles {
  const library = '/usr/lib/python3.11'
  const extra = join(library, 'lib-dynload/_ctypes.cpython-311-x86_64-linux-gnu.so')
  return {
    ...hostPrograms({ '/usr/bin/python3.11': '/usr/bin/python3.11', '/bin/sh': '/bin/dash' }),
    ...(existsSync(extra) ? hostPrograms({ [extra]: extra }) : {}),
    ...hostFolder(library, library, notNeeded),
    '/var/runtime/bootstrap.py': readFileSync(new URL('image-runtime.py', import.meta.url)),
    '/usr/bin/python3': { header: { type: 'symlink', linkname: 'python3.11' } },
    // As in the base images of AWS.
    '/lambda-entrypoint.sh':
      '#!/bin/sh\nexport _HANDLER="$1"\nexec /usr/bin/python3.11 /var/runtime/bootstrap.py "$1"\n',
  }
}

/** What an image over such a base says of itself. */
export const pythonConfig = {
  Entrypoint: ['/lambda-entrypoint.sh'],
  Cmd: ['app.handler'],
  WorkingDir: '/var/task',
  Env: ['LAMBDA_TASK_ROOT=/var/task', 'LAMBDA_RUNTIME_DIR=/var/runtime', 'PATH=/usr/bin:/bin'],
}
