import { limits } from '@weft/contracts'
import type { Timer } from '@weft/platform'
import type { BootDeps } from '../boot.ts'
import { bootImage, type ImageBootRequest, type PreparedImage } from './image-boot.ts'
import type { ImageCode } from './images.ts'

/** An image that nobody has started for this long gets no more stems, and loses those it has. */
const forgetMs = 10 * 60_000
/** How long after a start the next stem is made: the call that was waited for goes first. */
const refillMs = 250
/** Images that have stems at a time: those started last. */
const mostImages = 8

interface Stem {
  readonly prepared: PreparedImage
  /** What keeps its root where it is. */
  readonly code: ImageCode
}

interface Shelf {
  readonly ready: Stem[]
  /** Another use of the image. */
  readonly open: () => Promise<ImageCode>
  refill: Timer | undefined
  /** Stems are being made. */
  filling: Promise<void> | undefined
  forget: Timer | undefined
}

/**
 * Sandboxes whose roots are images that were started lately, kept ready. Nothing has run in them: the image's program is
 * started by whoever takes one, once.
 */
export class ImageStems {
  readonly #boot: BootDeps
  readonly #perImage: number
  /** By the image's digest, the one started longest ago first. */
  readonly #shelves = new Map<string, Shelf>()
  readonly #making = new Set<Promise<void>>()
  #closed = false

  constructor(boot: BootDeps, perImage: number) {
    this.#boot = boot
    this.#perImage = perImage
  }

  get size(): number {
    return [...this.#shelves.values()].reduce((sum, { ready }) => sum + ready.length, 0)
  }

  /** A sandbox of the image, which the caller holds by `request.root`; `open` gets further uses of it. */
  async take(digest: string, request: ImageBootRequest, open: () => Promise<ImageCode>): Promise<PreparedImage> {
    const shelf = this.#shelfOf(digest, open)
    const ordinary = request.ephemeralStorageMb === limits.ephemeralStorageMb.default && !request.scratch
    const stem = ordinary ? shelf.ready.shift() : undefined
    this.#refillSoon(shelf)
    if (!stem) return bootImage(this.#boot, request)
    stem.code.release()
    return stem.prepared
  }

  /** Makes stems of an image that is soon to be started; resolves when they are there, or cannot be made. */
  expect(digest: string, open: () => Promise<ImageCode>): Promise<void> {
    const shelf = this.#shelfOf(digest, open)
    return this.#closed ? Promise.resolve() : this.#fill(shelf)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#shelves.keys()].map((digest) => this.#drop(digest)))
    await Promise.all(this.#making)
  }

  #shelfOf(digest: string, open: () => Promise<ImageCode>): Shelf {
    const known = this.#shelves.get(digest)
    const shelf: Shelf = known ?? { ready: [], open, refill: undefined, filling: undefined, forget: undefined }
    if (this.#closed) return shelf
    this.#shelves.delete(digest)
    this.#shelves.set(digest, shelf)
    shelf.forget?.cancel()
    shelf.forget = this.#boot.clock.schedule(forgetMs, () => void this.#drop(digest))
    const [oldest] = this.#shelves.keys()
    if (this.#shelves.size > mostImages && oldest !== undefined) void this.#drop(oldest)
    return shelf
  }

  async #drop(digest: string): Promise<void> {
    const shelf = this.#shelves.get(digest)
    if (!shelf) return
    this.#shelves.delete(digest)
    shelf.refill?.cancel()
    shelf.forget?.cancel()
    await Promise.all(shelf.ready.splice(0).map(discard))
  }

  #refillSoon(shelf: Shelf): void {
    if (this.#closed) return
    shelf.refill?.cancel()
    shelf.refill = this.#boot.clock.schedule(refillMs, () => void this.#fill(shelf))
  }

  #fill(shelf: Shelf): Promise<void> {
    if (shelf.filling !== undefined) return shelf.filling
    const filling = this.#refill(shelf).finally(() => {
      shelf.filling = undefined
      this.#making.delete(filling)
    })
    shelf.filling = filling
    this.#making.add(filling)
    return filling
  }

  /** One after the other, and one image's at a time: starts that somebody waits for need the cores more. */
  async #refill(shelf: Shelf): Promise<void> {
    const isKept = (): boolean => !this.#closed && [...this.#shelves.values()].includes(shelf)
    while (isKept() && shelf.ready.length < this.#perImage) {
      try {
        const stem = await this.#make(shelf)
        if (isKept()) this.#shelve(shelf, stem)
        else await discard(stem)
      } catch (error) {
        // The next start of the image tries again, and tells whoever wants it what is wrong.
        this.#boot.log.warn({ err: error }, 'a stem of an image could not be made')
        return
      }
    }
  }

  async #make(shelf: Shelf): Promise<Stem> {
    const code = await shelf.open()
    try {
      const ephemeralStorageMb = limits.ephemeralStorageMb.default
      return { code, prepared: await bootImage(this.#boot, { root: code.root, ephemeralStorageMb }) }
    } catch (error) {
      code.release()
      throw error
    }
  }

  #shelve(shelf: Shelf, stem: Stem): void {
    shelf.ready.push(stem)
    // Whoever takes it watches it from then on.
    void stem.prepared.body.sandbox.exited.then(() => {
      const at = shelf.ready.indexOf(stem)
      if (at < 0) return
      shelf.ready.splice(at, 1)
      void discard(stem)
    })
  }
}

async function discard({ prepared, code }: Stem): Promise<void> {
  await prepared.body.destroy()
  code.release()
}
