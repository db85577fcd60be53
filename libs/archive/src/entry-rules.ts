import { err, limits, ok, type Result } from '@weft/contracts'
import type { Entry } from 'yauzl'

/** What an entry becomes on disk. */
export type EntryKind = 'file' | 'directory' | 'symlink'

export interface CheckedEntry {
  readonly kind: EntryKind
  /** Relative, `/`-separated, without `.`, `..` or empty parts. */
  readonly path: string
  readonly executable: boolean
}

const fileTypeMask = 0o170000
const fileTypes = new Map<number, EntryKind>([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
])
/** "Made by" systems whose external attributes hold a Unix mode. */
const unixMakers = new Set([3, 19])
const longestPathBytes = 1_024
const deepestPath = 64

/**
 * Whether an entry may be part of a package, and what it becomes. Refused: names that lead out of the package or that
 * no file system keeps apart from others, encryption, devices, pipes and sockets.
 */
export function checkEntry(entry: Entry): Result<CheckedEntry, string> {
  if (entry.isEncrypted()) return err('an entry is encrypted')
  const name = entry.fileName
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f\ufffd]/.test(name)) return err('an entry name holds control characters')
  if (name.includes('\\') || name.startsWith('/') || /^[a-z]:/i.test(name)) return err('an entry name is absolute')
  if (Buffer.byteLength(name) > longestPathBytes) return err('an entry name is too long')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return err('an entry name leads out of the package')
  if (parts.length > deepestPath) return err('an entry lies too deep')
  if (parts.some((part) => Buffer.byteLength(part) > 255)) return err('an entry name is too long')
  const mode = unixMakers.has(entry.versionMadeBy >> 8) ? entry.externalFileAttributes >>> 16 : 0
  const type = mode & fileTypeMask
  const kind = name.endsWith('/') ? 'directory' : type === 0 ? 'file' : fileTypes.get(type)
  if (kind === undefined) return err('an entry is a device, a pipe or a socket')
  if (kind === 'symlink' && entry.uncompressedSize > longestPathBytes) return err('a link is too long')
  if (parts.length === 0 && kind !== 'directory') return err('an entry has no name')
  return ok({ kind, path: parts.join('/'), executable: kind === 'file' && (mode & 0o111) !== 0 })
}

/** Where a link leads, if it stays inside the package or names a place that exists only inside the sandbox. */
export function checkLink(path: string, target: string): Result<string, string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (target === '' || /[\u0000-\u001f\u007f]/.test(target)) return err('a link has no proper target')
  if (target.startsWith('/')) return err('a link is absolute')
  let depth = path.split('/').length - 1
  for (const part of target.split('/')) {
    if (part === '..') depth -= 1
    else if (part !== '' && part !== '.') depth += 1
    if (depth < 0) return err('a link leads out of the package')
  }
  return ok(target)
}

/** Keeps count while a package is read, by what it declares and by what it really holds. */
export class PackageBudget {
  #entries = 0
  #bytes = 0
  readonly #kinds = new Map<string, EntryKind>()

  get bytes(): number {
    return this.#bytes
  }

  get entries(): number {
    return this.#entries
  }

  /** Refuses too many entries, two of one name, and names that are a file here and a folder there. */
  enter({ path, kind }: CheckedEntry): Result<void, string> {
    this.#entries += 1
    if (this.#entries > limits.zipEntries) return err(`the package has more than ${limits.zipEntries} entries`)
    const earlier = this.#kinds.get(path)
    if (earlier !== undefined && !(earlier === 'directory' && kind === 'directory'))
      return err('two entries have one name')
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end)
      const parentKind = this.#kinds.get(parent)
      // Through a link, a file would land wherever the link leads.
      if (parentKind !== undefined && parentKind !== 'directory') return err('an entry lies below a file or a link')
      this.#kinds.set(parent, 'directory')
    }
    this.#kinds.set(path, kind)
    return ok(undefined)
  }

  /** Adds bytes as they are unpacked; false once the package is too large. */
  spend(bytes: number): boolean {
    this.#bytes += bytes
    return this.#bytes < limits.unzippedBytes
  }
}
