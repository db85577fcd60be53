import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { mostLinks, partsOf } from './inside-path.ts'
import type { FileEntry, OtherEntry } from './layer-entry.ts'
import { LayerDamage, type LayerSink } from './read-layer.ts'

/**
 * Writes a layer's entries into an empty folder that only the caller can reach meanwhile. Later entries take the place of
 * earlier ones of their name. Links on the way are followed as they would be inside, so that nothing is ever written
 * outside the folder. Whiteouts stay as the empty files that they are.
 */
export class LayerFolder implements LayerSink {
  readonly #root: string
  /** Known to be folders, and no links, by their paths without "/" in front. */
  readonly #folders = new Set<string>([''])
  /** Set at the end: a folder may forbid its own owner to write. */
  readonly #modes = new Map<string, number>()

  constructor(root: string) {
    this.#root = root
  }

  file({ path, mode, modifiedMs }: FileEntry): ReturnType<LayerSink['file']> {
    const fd = this.#create(path)
    return {
      write: (chunk) => {
        for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
      },
      end: () => {
        fchmodSync(fd, mode)
        // Python, for one, compares it with what it has compiled.
        futimesSync(fd, modifiedMs / 1_000, modifiedMs / 1_000)
        closeSync(fd)
      },
    }
  }

  other(entry: OtherEntry): void {
    switch (entry.kind) {
      case 'folder':
        this.#folder(entry.path, entry.mode)
        break
      case 'link':
        symlinkSync(entry.target, this.#placeFor(entry.path))
        break
      case 'hard-link':
        this.#hardLink(entry.path, entry.target)
        break
      case 'mark':
        closeSync(openSync(this.#placeFor(entry.path), 'wx', 0o600))
        break
    }
  }

  /** Gives the folders their modes; nothing can be added afterwards. */
  finish(): void {
    const deepestFirst = [...this.#modes].sort(([a], [b]) => b.length - a.length)
    for (const [path, mode] of deepestFirst) chmodSync(join(this.#root, path), mode)
  }

  #create(path: readonly string[]): number {
    // 'wx': never through something that is already there. That seldom is, so it is looked for only then.
    try {
      return openSync(this.#place(path), 'wx', 0o600)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      return openSync(this.#placeFor(path), 'wx', 0o600)
    }
  }

  #folder(path: readonly string[], mode: number): void {
    const name = path.at(-1)
    if (name === undefined) {
      this.#modes.set('', mode)
      return
    }
    const inside = below(this.#walk(path.slice(0, -1)), name)
    if (!this.#folders.has(inside)) {
      this.#clear(inside, 'unless a folder')
      mkdirSync(join(this.#root, inside), { recursive: true, mode: 0o755 })
      this.#folders.add(inside)
    }
    this.#modes.set(inside, mode)
  }

  #hardLink(path: readonly string[], target: readonly string[]): void {
    const source = join(this.#root, below(this.#walk(target.slice(0, -1)), target.at(-1) as string))
    const there = lstatSync(source, { throwIfNoEntry: false })
    if (!there || there.isDirectory()) throw new LayerDamage(`a hard link leads to no file: ${target.join('/')}`)
    const place = this.#placeFor(path, source)
    if (place !== source) linkSync(source, place)
  }

  /** The host's path for a new entry, with nothing there any more, unless that is to `stay`. */
  #placeFor(path: readonly string[], stay?: string): string {
    const place = this.#place(path)
    if (place !== stay) this.#clear(place.slice(this.#root.length + 1))
    return place
  }

  #place(path: readonly string[]): string {
    const name = path.at(-1)
    if (name === undefined) throw new LayerDamage('an entry has no name')
    return `${this.#root}/${below(this.#walk(path.slice(0, -1)), name)}`
  }

  #clear(inside: string, unless?: 'unless a folder'): void {
    const there = lstatSync(join(this.#root, inside), { throwIfNoEntry: false })
    if (!there || (unless && there.isDirectory())) return
    rmSync(join(this.#root, inside), { recursive: true })
    if (!there.isDirectory()) return
    for (const known of [this.#folders, this.#modes])
      for (const path of known.keys()) if (path === inside || path.startsWith(`${inside}/`)) known.delete(path)
  }

  /** The real path of a folder inside, which is made where it is missing. */
  #walk(path: readonly string[]): string {
    const plain = path.join('/')
    if (this.#folders.has(plain)) return plain
    const left = [...path]
    let at = ''
    let links = 0
    for (let part = left.shift(); part !== undefined; part = left.shift()) {
      if (part === '..') {
        at = at.slice(0, Math.max(0, at.lastIndexOf('/')))
        continue
      }
      const next = below(at, part)
      if (!this.#folders.has(next)) {
        const there = lstatSync(join(this.#root, next), { throwIfNoEntry: false })
        if (there?.isSymbolicLink()) {
          links += 1
          if (links > mostLinks) throw new LayerDamage('links lead to one another in a circle')
          const target = readlinkSync(join(this.#root, next))
          if (target.startsWith('/')) at = ''
          left.unshift(...partsOf(target))
          continue
        }
        if (!there?.isDirectory()) {
          if (there) rmSync(join(this.#root, next))
          mkdirSync(join(this.#root, next), { mode: 0o755 })
        }
        this.#folders.add(next)
      }
      at = next
    }
    return at
  }
}

const below = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)
