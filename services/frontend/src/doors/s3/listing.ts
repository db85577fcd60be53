import { err, ok, type Result } from '@weft/contracts'
import type { ObjectInfo } from '@weft/nats'

export interface ListQuery {
  readonly prefix: string
  readonly delimiter: string
  readonly maxKeys: number
  readonly startAfter: string
  /** From an earlier page. */
  readonly after?: ListPlace
}

/** The last thing on a page: an object's key, or a common prefix whose keys are all behind. */
export interface ListPlace {
  readonly kind: 'key' | 'prefix'
  readonly value: string
}

export interface ListPage {
  readonly objects: readonly ObjectInfo[]
  readonly prefixes: readonly string[]
  readonly next?: ListPlace
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/**
 * One page of a listing: keys under the prefix, those that share what comes up to the next delimiter rolled into one
 * common prefix. Objects and prefixes count against `maxKeys` alike. `sorted` is in order of UTF-8 bytes. Pure.
 */
export function listPage(sorted: readonly ObjectInfo[], query: ListQuery): ListPage {
  const objects: ObjectInfo[] = []
  const prefixes: string[] = []
  let last: ListPlace | undefined
  for (const object of sorted) {
    const { key } = object
    if (!key.startsWith(query.prefix) || isBehind(key, query)) continue
    const prefix = commonPrefix(key, query)
    if (prefix !== undefined && prefix === prefixes.at(-1)) continue
    if (objects.length + prefixes.length >= query.maxKeys) return { objects, prefixes, ...(last && { next: last }) }
    if (prefix === undefined) {
      objects.push(object)
      last = { kind: 'key', value: key }
    } else {
      prefixes.push(prefix)
      last = { kind: 'prefix', value: prefix }
    }
  }
  return { objects, prefixes }
}

function isBehind(key: string, { after, startAfter }: ListQuery): boolean {
  if (startAfter !== '' && compare(key, startAfter) <= 0) return true
  if (!after) return false
  return compare(key, after.value) <= 0 || (after.kind === 'prefix' && key.startsWith(after.value))
}

function commonPrefix(key: string, { prefix, delimiter }: ListQuery): string | undefined {
  if (delimiter === '') return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

export const formatPlace = (place: ListPlace): string =>
  Buffer.from(`${place.kind === 'key' ? 'k' : 'p'}${place.value}`).toString('base64url')

export function parsePlace(token: string): Result<ListPlace, 'malformed'> {
  if (!/^[\w-]{1,4096}$/.test(token)) return err('malformed')
  const text = Buffer.from(token, 'base64url').toString()
  const kind = text[0] === 'k' ? 'key' : text[0] === 'p' ? 'prefix' : undefined
  if (!kind) return err('malformed')
  const place: ListPlace = { kind, value: text.slice(1) }
  return formatPlace(place) === token ? ok(place) : err('malformed')
}
