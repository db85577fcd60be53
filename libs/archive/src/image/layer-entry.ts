import { err, ok, type Result } from '@weft/contracts'
import type { Header } from 'tar-stream'

/** What one layer may hold; a whole image is held to the bytes again when its layers are put together. */
export const layerLimits = {
  unpackedBytes: 10 * 1024 ** 3,
  entries: 1_000_000,
} as const

const longestPathBytes = 4_095
const longestNameBytes = 255
const deepestPath = 256

/** Stands in a layer for what it takes away: the rest of the name is the name that goes (OCI image-spec, layer.md). */
const whiteoutPrefix = '.wh.'
/** Takes away all that lower layers have in the folder. */
export const opaqueMark = '.wh..wh..opq'

/** The name that a whiteout takes away; undefined for any other name, and for the mark of an opaque folder. */
export const whitedOut = (name: string): string | undefined =>
  name.startsWith(whiteoutPrefix) && name !== opaqueMark ? name.slice(whiteoutPrefix.length) : undefined

/**
 * What an entry of a layer becomes; paths are the parts between the slashes, free of "", "." and "..". Nothing: devices
 * and pipes, which no sandbox may have, and bookkeeping of aufs.
 */
export type LayerEntry = FileEntry | OtherEntry | { readonly kind: 'nothing' }

export interface FileEntry {
  readonly kind: 'file'
  readonly path: readonly string[]
  readonly mode: number
  readonly modifiedMs: number
}

export type OtherEntry =
  | { readonly kind: 'folder'; readonly path: readonly string[]; readonly mode: number }
  | { readonly kind: 'link'; readonly path: readonly string[]; readonly target: string }
  | { readonly kind: 'hard-link'; readonly path: readonly string[]; readonly target: readonly string[] }
  /** A whiteout, or the mark of an opaque folder: an empty file of that name. */
  | { readonly kind: 'mark'; readonly path: readonly string[] }

/**
 * Whether an entry may be part of a layer, and what it becomes. Refused: names that lead out of it, and kinds of files
 * that cannot be read for sure. Modes lose setuid and setgid.
 */
export function checkLayerEntry(header: Header): Result<LayerEntry, string> {
  const parsed = pathOf(header.name)
  if (!parsed.ok) return parsed
  const path = parsed.value
  const name = path.at(-1)
  if (path.slice(0, -1).some((part) => part.startsWith(whiteoutPrefix))) return ok({ kind: 'nothing' })
  if (name === opaqueMark) return ok({ kind: 'mark', path })
  const gone = name === undefined ? undefined : whitedOut(name)
  if (gone !== undefined) {
    if (gone.startsWith(whiteoutPrefix)) return ok({ kind: 'nothing' })
    return ['', '.', '..'].includes(gone) ? err('a whiteout has no proper name') : ok({ kind: 'mark', path })
  }
  if (name === undefined && header.type !== 'directory') return err('an entry has no name')
  return ofKind(header, path)
}

function ofKind(header: Header, path: readonly string[]): Result<LayerEntry, string> {
  const mode = header.mode ?? 0o644
  switch (header.type) {
    case 'directory':
      return ok({ kind: 'folder', path, mode: mode & 0o1777 })
    case 'file':
    case 'contiguous-file':
      if (Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse')))
        return err('a file is stored with holes, in a way that is not read here')
      return ok({ kind: 'file', path, mode: mode & 0o777, modifiedMs: header.mtime?.getTime() ?? 0 })
    case 'symlink': {
      const target = header.linkname ?? ''
      if (target === '' || target.includes('\0') || Buffer.byteLength(target) > longestPathBytes)
        return err('a link has no proper target')
      return ok({ kind: 'link', path, target })
    }
    case 'link': {
      const target = pathOf(header.linkname ?? '')
      if (!target.ok) return target
      return target.value.length === 0
        ? err('a hard link has no proper target')
        : ok({ kind: 'hard-link', path, target: target.value })
    }
    case 'character-device':
    case 'block-device':
    case 'fifo':
      return ok({ kind: 'nothing' })
    default:
      return err(`an entry is of an unknown kind (${String(header.type)})`)
  }
}

function pathOf(name: string): Result<readonly string[], string> {
  if (name.includes('\0')) return err('an entry name holds a zero byte')
  if (Buffer.byteLength(name) > longestPathBytes) return err('an entry name is too long')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) return err('an entry name leads out of the layer')
  if (parts.length > deepestPath) return err('an entry lies too deep')
  if (parts.some((part) => Buffer.byteLength(part) > longestNameBytes)) return err('an entry name is too long')
  return ok(parts)
}
