import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { decompressor, type LayerSink, type LayerSummary, layerLimits, readLayer } from '@weft/archive'
import type { ImageContent, ImageContentLayer } from '@weft/sandbox'
import tar from 'tar-stream'

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Looks only. */
const nothing: LayerSink = { file: () => ({ write: () => undefined, end: () => undefined }), other: () => undefined }

interface MeasuredLayer extends ImageContentLayer {
  readonly summary: LayerSummary
}

/**
 * An image as `docker load` takes it, streamed. Its config says nothing but what it is made of: what is run in it, as whom
 * and with which variables comes with each container, and volumes, which could be written to, it shall have none.
 * Rejects when a layer is damaged, or holds what no layer may.
 */
export async function imageArchive(
  content: ImageContent,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<Readable> {
  // Twice over each layer: the engine wants to know what is in them before it gets them.
  const layers: MeasuredLayer[] = []
  let bytes = 0
  for (const layer of content.layers) {
    const read = await readLayer(content.read(layer.digest), layer.compression, nothing)
    if (!read.ok) throw new Error(`layer ${layer.digest} of an image cannot be read: ${read.error}`)
    bytes += read.value.unpackedBytes
    if (bytes > layerLimits.unpackedBytes)
      throw new Error(`the image holds more than ${layerLimits.unpackedBytes} bytes`)
    layers.push({ ...layer, summary: read.value })
  }
  const pack = tar.pack()
  const config = {
    architecture: architectures[process.arch] ?? process.arch,
    os: 'linux',
    config: { Labels: labels },
    rootfs: { type: 'layers', diff_ids: layers.map(({ summary }) => `sha256:${summary.diffId}`) },
  }
  const fill = async (): Promise<void> => {
    const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: layers.map(({ digest }) => fileOf(digest)) }]
    pack.entry({ name: 'config.json' }, JSON.stringify(config))
    pack.entry({ name: 'manifest.json' }, JSON.stringify(manifest))
    const once = new Map(layers.map((layer) => [layer.digest, layer]))
    for (const layer of once.values()) await addLayer(pack, content, layer)
    pack.finalize()
  }
  fill().catch((error: Error) => pack.destroy(error))
  return Readable.from(pack)
}

/** Of the compressions that layers have, an engine of any age knows only the oldest. */
async function addLayer(pack: tar.Pack, content: ImageContent, layer: MeasuredLayer): Promise<void> {
  const { digest, compression, sizeBytes, summary } = layer
  const unpacked = compression === 'zstd'
  const entry = pack.entry({ name: fileOf(digest), size: unpacked ? summary.tarBytes : sizeBytes })
  const blob = Readable.from(content.read(digest))
  await pipeline(blob, decompressor(unpacked ? 'zstd' : 'none'), entry)
}

const fileOf = (digest: string): string => `${digest}.tar`
