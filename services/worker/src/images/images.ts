import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { CodeStore } from '@weft/registry'
import type { ImageRoot, Scratch } from '@weft/sandbox'
import type { Body, BootDeps } from '../boot.ts'
import { compressionOf, type ImageCache } from './image-cache.ts'
import { ImageStems } from './image-stems.ts'

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
  readonly #stems: ImageStems

  constructor(boot: BootDeps, cache: ImageCache, store: Pick<CodeStore, 'getStream'>, stemsPerImage: number) {
    this.#boot = boot
    this.#cache = cache
    this.#store = store
    this.#stems = new ImageStems(boot, stemsPerImage)
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

  async boot(spec: SandboxSpec, { root }: ImageCode, scratch: Scratch | undefined): Promise<Body> {
    const { image, codeDigest, ephemeralStorageMb } = spec
    const request = { root, ephemeralStorageMb, scratch }
    const { body, program } = await this.#stems.take(codeDigest, request, () => this.open(spec))
    program.entry = {
      command: [...(image?.entryPoint ?? []), ...(image?.command ?? [])],
      folder: image?.workingDirectory || '/',
    }
    return body
  }

  /** Has the image fetched and unpacked, and sandboxes of it made, ahead of the first start. */
  prepare(spec: SandboxSpec): Promise<void> {
    if (!this.#boot.driver.openImage) return Promise.resolve()
    return this.#stems.expect(spec.codeDigest, () => this.open(spec))
  }

  /** Sandboxes that are kept ready. */
  get stems(): number {
    return this.#stems.size
  }

  /** Ends the sandboxes that were kept ready. */
  close(): Promise<void> {
    return this.#stems.close()
  }
}
