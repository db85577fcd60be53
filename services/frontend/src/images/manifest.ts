import { type FunctionVersion, type ImageLayer, type ImageLocation, limits } from '@weft/contracts'
import { ImageFailure } from './image-failure.ts'

/** What a manifest points to. */
export interface Descriptor {
  readonly mediaType: string
  /** Lower-case hex SHA-256. */
  readonly digest: string
  readonly sizeBytes: number
}

export type Manifest =
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly ImageLayer[] }
  /** For several platforms. */
  | { readonly kind: 'index'; readonly manifests: readonly (Descriptor & { readonly platform?: Platform })[] }

interface Platform {
  readonly os: string
  readonly architecture: string
}

const dockerImage = 'application/vnd.docker.distribution.manifest.v2+json'
const dockerIndex = 'application/vnd.docker.distribution.manifest.list.v2+json'
const ociImage = 'application/vnd.oci.image.manifest.v1+json'
const ociIndex = 'application/vnd.oci.image.index.v1+json'
export const acceptedManifests = [dockerImage, dockerIndex, ociImage, ociIndex].join(', ')

const configTypes = ['application/vnd.docker.container.image.v1+json', 'application/vnd.oci.image.config.v1+json']
const layerTypes: Readonly<Record<string, ImageLayer['compression']>> = {
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'none',
  'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
  'application/vnd.oci.image.layer.v1.tar': 'none',
}

/** Reads a manifest. `contentType` is what the registry calls it, for those that do not say it themselves. Throws ImageFailure. */
export function parseManifest(body: Buffer, contentType: string | undefined): Manifest {
  const root = objectOf(parseJson(body), 'the manifest')
  const said = typeof root.mediaType === 'string' ? root.mediaType : (contentType ?? '').split(';', 1)[0]?.trim()
  if (said === dockerIndex || said === ociIndex)
    return { kind: 'index', manifests: listOf(root.manifests, 'the index').map((one) => platformDescriptor(one)) }
  if (said !== dockerImage && said !== ociImage)
    throw new ImageFailure('unsupported', `manifest of type ${said || 'unknown'}`)
  const config = descriptorOf(root.config)
  if (!configTypes.includes(config.mediaType))
    throw new ImageFailure('unsupported', `config of type ${config.mediaType}`)
  if (config.sizeBytes > limits.image.manifestBytes)
    throw new ImageFailure('too-large', `a config of ${config.sizeBytes} bytes`)
  const layers = listOf(root.layers, 'the layers').map((one) => layerOf(descriptorOf(one)))
  if (layers.length === 0 || layers.length > limits.image.layers)
    throw new ImageFailure('invalid', `${layers.length} layers`)
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
  if (sizeBytes > limits.image.bytes) throw new ImageFailure('too-large', `layers of ${sizeBytes} bytes`)
  return { kind: 'image', config, layers }
}

/** The image for a platform; attestations and the like, which an index may list beside images, are for none. */
export function chooseManifest(
  index: Extract<Manifest, { kind: 'index' }>,
  architecture: FunctionVersion['architecture'],
): Descriptor {
  const wanted = architectureNames[architecture]
  const found = index.manifests.find(({ platform }) => platform?.os === 'linux' && platform.architecture === wanted)
  if (!found) throw new ImageFailure('unsupported', `no image for linux/${wanted}`)
  return found
}

const architectureNames = { x86_64: 'amd64', arm64: 'arm64' } as const

export type ImageConfig = Pick<ImageLocation, 'entryPoint' | 'command' | 'workingDirectory' | 'environment'>

/** What a container of the image runs. Throws ImageFailure, also for one of another platform. */
export function parseConfig(body: Buffer, architecture: FunctionVersion['architecture']): ImageConfig {
  const root = objectOf(parseJson(body), 'the config')
  if (root.os !== 'linux' || root.architecture !== architectureNames[architecture])
    throw new ImageFailure('unsupported', `an image for ${String(root.os)}/${String(root.architecture)}`)
  const config = root.config === undefined || root.config === null ? {} : objectOf(root.config, 'the config')
  const entryPoint = wordsOf(config.Entrypoint)
  const command = wordsOf(config.Cmd)
  const variables = wordsOf(config.Env).flatMap((one) => {
    const equals = one.indexOf('=')
    return equals > 0 ? [[one.slice(0, equals), one.slice(equals + 1)] as const] : []
  })
  const workingDirectory = config.WorkingDir
  const settings = {
    ...(entryPoint.length > 0 && { entryPoint }),
    ...(command.length > 0 && { command }),
    ...(typeof workingDirectory === 'string' && workingDirectory !== '' && { workingDirectory }),
    ...(variables.length > 0 && { environment: Object.fromEntries(variables) }),
  }
  const bytes = Buffer.byteLength(JSON.stringify(settings))
  if (bytes > limits.image.settingsBytes) throw new ImageFailure('too-large', `settings of ${bytes} bytes`)
  return settings
}

function layerOf({ mediaType, digest, sizeBytes }: Descriptor): ImageLayer {
  const compression = layerTypes[mediaType]
  if (!compression) throw new ImageFailure('unsupported', `layer of type ${mediaType}`)
  return { digest, sizeBytes, compression }
}

function platformDescriptor(value: unknown): Descriptor & { readonly platform?: Platform } {
  const { platform } = objectOf(value, 'the index')
  const { os, architecture } = platform === undefined ? {} : objectOf(platform, 'the index')
  const isNamed = typeof os === 'string' && typeof architecture === 'string'
  return { ...descriptorOf(value), ...(isNamed && { platform: { os, architecture } }) }
}

function descriptorOf(value: unknown): Descriptor {
  const { mediaType, digest, size } = objectOf(value, 'a descriptor')
  const hex = typeof digest === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1] : undefined
  const isSize = typeof size === 'number' && Number.isSafeInteger(size) && size >= 0
  if (typeof mediaType !== 'string' || hex === undefined || !isSize)
    throw new ImageFailure('invalid', 'a descriptor without type, sha256 digest or size')
  return { mediaType, digest: hex, sizeBytes: size }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch (error) {
    throw new ImageFailure('invalid', 'not JSON', { cause: error })
  }
}

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new ImageFailure('invalid', `${what} is not an object`)
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new ImageFailure('invalid', `${what} is not a list`)
}

/** A list of words, or nothing. */
function wordsOf(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  const words = listOf(value, 'a list of words')
  if (words.every((one) => typeof one === 'string' && !one.includes('\0'))) return words as readonly string[]
  throw new ImageFailure('invalid', 'a list of words with other things')
}
