import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unpackZip } from '@weft/archive'
import { type Clock, type Logger, openPackage } from '@weft/platform'
import { linkTree } from '@weft/platform/host'
import type { CodeStore } from '@weft/registry'

export interface CodeUse {
  readonly dir: string
  /** What it takes on the disk, without what it shares with others that it keeps. */
  readonly bytes: number
  /** Lets the package be evicted once nobody else uses it. Safe to call twice. */
  release(): void
}

/** What a folder has been filled with. */
interface Made {
  readonly bytes: number
  /** What its files belong to; it stays as long as the folder does. */
  readonly keeps?: readonly CodeUse[]
}

type Make = (name: string, dir: string) => Promise<Made>

interface Package {
  readonly dir: string
  readonly ready: Promise<void>
  settled: boolean
  bytes: number
  keeps: readonly CodeUse[]
  users: number
  lastUsedMs: number
}

const digestPattern = /^[0-9a-f]{64}$/
/** A tree of several packages has a name of the same form. */
const mergedName = (digests: readonly string[]): string =>
  digests.length === 1 ? (digests[0] as string) : nameOf(digests)
const nameOf = (digests: readonly string[]): string => createHash('sha256').update(digests.join(' ')).digest('hex')
/** Of another form, because a restart does not keep trees: what they keep is known to this process alone. */
const treeName = (digests: readonly string[]): string => `${nameOf(digests)}.tree`
/** Beside the packages while a worker is stopped cleanly; without it they may be half on disk. */
const cleanMark = 'clean'

/**
 * Packages unpacked once per host, each in a folder named by its digest. The code store verifies the digest; a folder
 * appears under its name only when it is complete. The least recently used ones go when all of them exceed the limit.
 */
export class CodeCache {
  readonly #dir: string
  readonly #maxBytes: number
  readonly #store: Pick<CodeStore, 'get'>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #packages = new Map<string, Package>()
  /** Evicted folders that have not given up their names yet. */
  readonly #leaving = new Map<string, Promise<void>>()
  #bytes = 0

  private constructor(dir: string, maxBytes: number, store: Pick<CodeStore, 'get'>, clock: Clock, log: Logger) {
    this.#dir = dir
    this.#maxBytes = maxBytes
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  static async open(options: {
    readonly dir: string
    readonly maxBytes: number
    readonly store: Pick<CodeStore, 'get'>
    readonly clock: Clock
    readonly log: Logger
  }): Promise<CodeCache> {
    const { dir, maxBytes, store, clock, log } = options
    const cache = new CodeCache(dir, maxBytes, store, clock, log)
    await mkdir(dir, { recursive: true })
    const names = await readdir(dir)
    if (!names.includes(cleanMark)) await rm(dir, { recursive: true })
    await mkdir(dir, { recursive: true })
    await rm(join(dir, cleanMark), { force: true })
    for (const name of await readdir(dir)) {
      if (digestPattern.test(name)) await cache.#adopt(name)
      else await rm(join(dir, name), { recursive: true, force: true })
    }
    return cache
  }

  /** Whether the package is there already, so that `use` answers at once. */
  has(digest: string): boolean {
    return this.#packages.get(digest)?.settled === true
  }

  /** Rejects when the package is missing or damaged, or cannot be unpacked. `key`: what opens one that lies sealed; "": none. */
  use(digest: string, key = ''): Promise<CodeUse> {
    return this.#use(digest, key === '' ? this.#unpack : (_, dir) => this.#unpackFrom(digest, dir, key))
  }

  /** A folder that `make` fills; it resolves to the bytes in it. Rejects when that fails. */
  useMade(digest: string, make: (dir: string) => Promise<number>): Promise<CodeUse> {
    return this.#use(digest, async (_, dir) => ({ bytes: await make(dir) }))
  }

  /** A folder that `make` fills with links to files of others, which it keeps in use. */
  useTree(digests: readonly string[], make: (dir: string) => Promise<readonly CodeUse[]>): Promise<CodeUse> {
    return this.#useNamed(treeName(digests), async (_, dir) => ({ bytes: 0, keeps: await make(dir) }))
  }

  async #use(digest: string, make: Make): Promise<CodeUse> {
    if (!digestPattern.test(digest)) throw new Error(`not a digest: ${JSON.stringify(digest)}`)
    return this.#useNamed(digest, make)
  }

  async #useNamed(digest: string, make: Make): Promise<CodeUse> {
    const known = this.#packages.get(digest) ?? this.#add(digest, make)
    known.users += 1
    try {
      await known.ready
    } catch (error) {
      known.users -= 1
      throw error
    }
    known.lastUsedMs = this.#clock.monotonic()
    let held = true
    return {
      ...{ dir: known.dir, bytes: known.bytes },
      release: () => {
        if (!held) return
        held = false
        known.users -= 1
        known.lastUsedMs = this.#clock.monotonic()
        this.#evict()
      },
    }
  }

  /** Whether the packages are there already as one tree. */
  hasMerged(digests: readonly string[]): boolean {
    return this.has(mergedName(digests))
  }

  /** The packages as one tree, in which later ones shadow earlier ones. Rejects as `use` does. */
  async useMerged(digests: readonly string[]): Promise<CodeUse> {
    return this.#use(mergedName(digests), digests.length === 1 ? this.#unpack : (_, dir) => this.#merge(digests, dir))
  }

  /** Marks what is there as complete, for the next start. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#packages.values()].map(({ ready }) => ready))
    await writeFile(join(this.#dir, cleanMark), '')
  }

  #add(digest: string, make: Make): Package {
    const dir = join(this.#dir, digest)
    const entry: Package = {
      dir,
      ready: this.#make(digest, dir, make).then(({ bytes, keeps }) => {
        entry.settled = true
        entry.bytes = bytes
        entry.keeps = keeps ?? []
        this.#bytes += bytes
        this.#evict()
      }),
      settled: false,
      bytes: 0,
      keeps: [],
      users: 0,
      lastUsedMs: this.#clock.monotonic(),
    }
    this.#packages.set(digest, entry)
    // The next use tries again.
    entry.ready.catch(() => this.#packages.delete(digest))
    return entry
  }

  async #make(digest: string, dir: string, make: Make): Promise<Made> {
    const part = `${dir}.${randomBytes(4).toString('hex')}`
    let made: Made | undefined
    try {
      await mkdir(part)
      made = await make(digest, part)
      await this.#leaving.get(digest)
      await rename(part, dir)
      return made
    } catch (error) {
      letGo(made?.keeps)
      throw error
    } finally {
      await rm(part, { recursive: true, force: true })
    }
  }

  readonly #unpack: Make = (digest, dir) => this.#unpackFrom(digest, dir, '')

  async #unpackFrom(digest: string, dir: string, key: string): Promise<Made> {
    const stored = await this.#store.get(digest)
    const zip = key === '' ? stored : openPackage(stored, key)
    const result = await unpackZip(Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength), dir)
    if (!result.ok) throw new Error(`package ${digest} cannot be unpacked: ${result.error.message}`)
    return { bytes: result.value.unzippedBytes }
  }

  /** Links, not copies: a layer that several functions combine lies on the disk once. */
  async #merge(digests: readonly string[], dir: string): Promise<Made> {
    for (const digest of digests) {
      const layer = await this.use(digest)
      try {
        await linkTree(layer.dir, dir)
      } finally {
        layer.release()
      }
    }
    return { bytes: await bytesIn(dir) }
  }

  async #adopt(digest: string): Promise<void> {
    const dir = join(this.#dir, digest)
    const bytes = await bytesIn(dir)
    this.#bytes += bytes
    const lastUsedMs = this.#clock.monotonic()
    const ready = Promise.resolve()
    this.#packages.set(digest, { dir, ready, settled: true, bytes, keeps: [], users: 0, lastUsedMs })
  }

  #evict(): void {
    if (this.#bytes <= this.#maxBytes) return
    const unused = [...this.#packages].filter(([, entry]) => entry.settled && entry.users === 0)
    unused.sort(([, a], [, b]) => a.lastUsedMs - b.lastUsedMs)
    for (const [digest, entry] of unused) {
      if (this.#bytes <= this.#maxBytes) return
      this.#packages.delete(digest)
      this.#bytes -= entry.bytes
      // Under another name first: the digest may be wanted again at once.
      const gone = `${entry.dir}.${randomBytes(4).toString('hex')}`
      const leaving = rename(entry.dir, gone)
        .catch((error: unknown) => this.#log.error({ err: error, digest }, 'a package could not be evicted'))
        .finally(() => this.#leaving.delete(digest))
      this.#leaving.set(digest, leaving)
      void leaving
        .then(() => rm(gone, { recursive: true, force: true }))
        .catch((error: unknown) => this.#log.error({ err: error, digest }, 'a package could not be removed'))
        .finally(() => letGo(entry.keeps))
      // What it kept is what takes the room.
      if (entry.keeps.length > 0) return
    }
  }
}

function letGo(uses: readonly CodeUse[] | undefined): void {
  for (const use of uses ?? []) use.release()
}

async function bytesIn(dir: string): Promise<number> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true })
  let bytes = 0
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return bytes
}
