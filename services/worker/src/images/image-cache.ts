import { layerLimits, mergeLayer, unpackLayer } from '@weft/archive'
import type { Image, ImageLayer } from '@weft/contracts/sandbox'
import type { CodeStore } from '@weft/registry'
import type { CodeCache, CodeUse } from '../code-cache.ts'
import { fitTree } from './image-tree.ts'

/**
 * Images as folders: each layer unpacked once per host, and of each image one tree whose files are those of its layers
 * under further names. A tree keeps its layers, so that what it holds is counted and freed with them.
 */
export class ImageCache {
  readonly #cache: CodeCache
  readonly #store: Pick<CodeStore, 'getStream'>

  constructor(cache: CodeCache, store: Pick<CodeStore, 'getStream'>) {
    this.#cache = cache
    this.#store = store
  }

  /** The layers as one tree. Rejects when a layer is missing or damaged, or all of them are too large. */
  tree(layers: Image['layers']): Promise<CodeUse> {
    return this.#cache.useTree(
      layers.map(({ digest }) => digest),
      (tree) => this.#assemble(layers, tree),
    )
  }

  async #assemble(layers: Image['layers'], tree: string): Promise<readonly CodeUse[]> {
    const uses: CodeUse[] = []
    try {
      let bytes = 0
      for (const layer of layers) {
        const use = await this.#cache.useMade(layer.digest, (folder) => this.#unpack(layer, folder))
        uses.push(use)
        bytes += use.bytes
        if (bytes > layerLimits.unpackedBytes)
          throw new Error(`the image holds more than ${layerLimits.unpackedBytes} bytes`)
        await mergeLayer(use.dir, tree)
      }
      await fitTree(tree)
      return uses
    } catch (error) {
      for (const use of uses) use.release()
      throw error
    }
  }

  async #unpack({ digest, compression }: ImageLayer, folder: string): Promise<number> {
    const result = await unpackLayer(this.#store.getStream(digest), compressionOf(compression), folder)
    if (!result.ok) throw new Error(`layer ${digest} of an image cannot be unpacked: ${result.error}`)
    return result.value.unpackedBytes
  }
}

export function compressionOf(text: string): 'gzip' | 'zstd' | 'none' {
  if (text === 'gzip' || text === 'zstd' || text === 'none') return text
  throw new Error(`a layer of an image is compressed in an unknown way: ${text}`)
}
