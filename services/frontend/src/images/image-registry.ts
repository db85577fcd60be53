import { createHash } from 'node:crypto'
import type { CodeLocation, FunctionVersion, ImageLayer, ImageLocation } from '@weft/contracts'
import { limits } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import { ImageFailure } from './image-failure.ts'
import { acceptedManifests, chooseManifest, type Manifest, parseConfig, parseManifest } from './manifest.ts'
import { type ImageReference, parseImageReference, resolvedUri } from './reference.ts'
import { RegistryAccess } from './registry-access.ts'
import { noCredentials, type RegistryCredentials } from './registry-credentials.ts'
import { asFailure, RegistryHttp, readAtMost } from './registry-http.ts'
import { type RegistryParts, RegistrySession } from './registry-session.ts'

export interface ImageRegistryOptions {
  /** Registries that may be on any address: `host[:port]`, or `http://host[:port]`. None when absent. */
  readonly listed?: readonly string[]
  readonly credentials?: RegistryCredentials
  readonly clock: Clock
}

/** Images as registries have them. Throws ImageFailure. */
export interface ImageRegistry {
  /** What a URI means now, for a platform; no layer is read. Throws ImageFailure. */
  resolve(imageUri: string, architecture: FunctionVersion['architecture'], signal?: AbortSignal): Promise<CodeLocation>
  /** A layer's blob. A connection that breaks is taken up again. Whether the bytes are right is not looked at. */
  layer(
    image: Pick<ImageLocation, 'resolvedImageUri'>,
    layer: ImageLayer,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>
  close(): void
}

/** Manifests and configs are small: a caller waits for them. */
const smallDeadlineMs = 15_000
/** A layer must come at least so fast. */
const leastBytesPerMs = 256
const resumptions = 5
/** Of all questions about one image together. */
const resolveDeadlineMs = 45_000

export function openImageRegistry({
  listed = [],
  credentials = noCredentials,
  clock,
}: ImageRegistryOptions): ImageRegistry {
  const access = new RegistryAccess(listed)
  const http = new RegistryHttp(access, clock)
  const parts: RegistryParts = { access, http, credentials, clock, shown: new Map() }
  return {
    async resolve(imageUri, architecture, signal) {
      const image = referenceOf(imageUri)
      using stop = deadline(clock, resolveDeadlineMs, signal)
      const session = new RegistrySession(parts, image, stop.signal)
      let [digest, manifest] = await readManifest(session, image.version)
      if (manifest.kind === 'index') {
        const chosen = chooseManifest(manifest, architecture)
        ;[digest, manifest] = await readManifest(session, `sha256:${chosen.digest}`)
        if (manifest.kind === 'index') throw new ImageFailure('unsupported', 'an index of an index')
      }
      const { config, layers } = manifest
      const ask = { path: `blobs/sha256:${config.digest}`, deadlineMs: smallDeadlineMs }
      const body = await readAtMost(await session.get(ask), config.sizeBytes)
      if (sha256(body) !== config.digest) throw new ImageFailure('invalid', 'a config other than its digest says')
      return {
        digest,
        sha256: digest,
        sizeBytes: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
        image: { imageUri, resolvedImageUri: resolvedUri(image, digest), layers, ...parseConfig(body, architecture) },
      }
    },
    async *layer({ resolvedImageUri }, { digest, sizeBytes }, signal) {
      const session = new RegistrySession(parts, referenceOf(resolvedImageUri), signal)
      const deadlineMs = smallDeadlineMs + Math.ceil(sizeBytes / leastBytesPerMs)
      let bytes = 0
      for (let left = resumptions; ; left--) {
        const begun = bytes
        const range = { range: `bytes=${bytes}-` }
        const response = await session.get({
          path: `blobs/sha256:${digest}`,
          deadlineMs,
          ...(bytes > 0 && { headers: range }),
        })
        // A registry without ranges begins anew.
        let again = response.statusCode === 206 ? 0 : begun
        try {
          for await (const chunk of response as AsyncIterable<Buffer>) {
            const fresh = chunk.subarray(Math.min(again, chunk.byteLength))
            again -= chunk.byteLength - fresh.byteLength
            bytes += fresh.byteLength
            if (bytes > sizeBytes) throw new ImageFailure('invalid', 'a layer longer than announced')
            if (fresh.byteLength > 0) yield fresh
          }
          return
        } catch (error) {
          const failure = asFailure(error)
          if (failure.kind !== 'unreachable' || left === 0 || signal.aborted) throw failure
          // It broke behind the last byte, of which there is no rest to ask for.
          if (bytes === sizeBytes) return
        }
      }
    },
    close: () => http.close(),
  }
}

function deadline(clock: Clock, afterMs: number, signal: AbortSignal | undefined) {
  const stop = new AbortController()
  const timer = clock.schedule(afterMs, () => stop.abort())
  return {
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    [Symbol.dispose]: () => timer.cancel(),
  }
}

function referenceOf(uri: string): ImageReference {
  const parsed = parseImageReference(uri)
  if (parsed.ok) return parsed.value
  throw new ImageFailure('invalid', `${JSON.stringify(uri)} is not the name of an image`)
}

async function readManifest(session: RegistrySession, version: string): Promise<[string, Manifest]> {
  const response = await session.get({
    path: `manifests/${version}`,
    headers: { accept: acceptedManifests },
    deadlineMs: smallDeadlineMs,
  })
  const body = await readAtMost(response, limits.image.manifestBytes)
  const digest = sha256(body)
  if (version.startsWith('sha256:') && version !== `sha256:${digest}`)
    throw new ImageFailure('invalid', 'a manifest other than its digest says')
  return [digest, parseManifest(body, response.headers['content-type'])]
}

const sha256 = (body: Buffer): string => createHash('sha256').update(body).digest('hex')
