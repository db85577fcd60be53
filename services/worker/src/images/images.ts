import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { CodeStore } from '@weft/registry'
import type { ImageRoot, Scratch } from '@weft/sandbox'
import type { Body, BootDeps } from '../boot.ts'
import { bootImage } from './image-boot.ts'
import { compressionOf, type ImageCache } from './image-cache.ts'

/** A function's image, ready to be the root of sandboxes. */
export interface ImageCode {
  readonly root: ImageRoot
  /** Programs in its /opt/extensions, by name. */
  readonly extensions: readonly string[]
  /** Safe to call twice. */
  release(): void
}

/** Opens the images of functions, and makes sandboxes of them. */
export class Images {
  readonly #boot: BootDeps
  readonly #cache: ImageCache
  readonly #store: Pick<CodeStore, 'getStream'>

  constructor(boot: BootDeps, cache: ImageCache, store: Pick<CodeStore, 'getStream'>) {
    this.#boot = boot
    this.#cache = cache
    this.#store = store
  }

  /** Rejects when the image is missing or damaged, or the driver runs none. */
  async open({ image, codeDigest }: SandboxSpec): Promise<ImageCode> {
    const { driver, log } = this.#boot
    if (!driver.openImage) throw new Error(`the ${driver.name} driver runs no container images`)
    const layers = image?.layers ?? []
    const root = await driver.openImage({
      digest: codeDigest,
      layers: layers.map(({ digest, sizeBytes, compression }) => ({
        ...{ digest, sizeBytes: Number(sizeBytes), compression: compressionOf(compression) },
      })),
      read: (digest) => this.#store.getStream(digest),
      tree: () => this.#cache.tree(layers),
    })
    const release = (): void => {
      root
        .release()
        .catch((error: unknown) => log.error({ err: error, codeDigest }, 'an image could not be given back cleanly'))
    }
    return { root, extensions: root.extensions, release }
  }

  boot({ image, ephemeralStorageMb }: SandboxSpec, code: ImageCode, scratch: Scratch | undefined): Promise<Body> {
    const entry = {
      command: [...(image?.entryPoint ?? []), ...(image?.command ?? [])],
      folder: image?.workingDirectory || '/',
    }
    return bootImage(this.#boot, { root: code.root, entry, ephemeralStorageMb, scratch })
  }
}
