import { createHmac, timingSafeEqual } from 'node:crypto'
import { type AccountId, type AwsError, awsError, err, ok, type Result } from '@weft/contracts'

/** Longer markers were not written here. */
const longestMarker = 1_024

/**
 * Markers of paged lists: the last key of a page, sealed, so that a marker that was forged or belongs to another account or
 * list is refused and none ever reaches a store.
 */
export class Markers {
  readonly #secret: string

  constructor(clusterSecret: string) {
    this.#secret = clusterSecret
  }

  write(account: AccountId, list: string, lastKey: string): string {
    return `${Buffer.from(lastKey).toString('base64url')}.${this.#seal(account, list, lastKey).toString('base64url')}`
  }

  /** The key to go on after; undefined for the first page. */
  read(account: AccountId, list: string, marker: string | undefined): Result<string | undefined, AwsError> {
    if (marker === undefined || marker === '') return ok(undefined)
    const [body, seal, ...rest] = marker.length > longestMarker ? [] : marker.split('.')
    if (!body || !seal || rest.length > 0) return invalidMarker
    const key = Buffer.from(body, 'base64url').toString('utf8')
    const given = Buffer.from(seal, 'base64url')
    const expected = this.#seal(account, list, key)
    return given.byteLength === expected.byteLength && timingSafeEqual(given, expected) ? ok(key) : invalidMarker
  }

  /** One page of a list in order of key. */
  page<T>(
    account: AccountId,
    list: string,
    items: readonly T[],
    keyOf: (item: T) => string,
    request: { readonly marker: string | undefined; readonly maxItems: number | undefined; readonly most: number },
  ): Result<{ readonly items: readonly T[]; readonly nextMarker?: string }, AwsError> {
    const after = this.read(account, list, request.marker)
    if (!after.ok) return after
    const last = after.value
    const left = last === undefined ? items : items.filter((item) => keyOf(item) > last)
    const count = Math.min(request.maxItems ?? request.most, request.most)
    const page = left.slice(0, count)
    const end = page.at(-1)
    const more = left.length > page.length && end !== undefined
    return ok({ items: page, ...(more && { nextMarker: this.write(account, list, keyOf(end)) }) })
  }

  #seal(account: AccountId, list: string, key: string): Buffer {
    return createHmac('sha256', this.#secret)
      .update(`weft-marker\n${account}\n${list}\n${key}`)
      .digest()
      .subarray(0, 16)
  }
}

const invalidMarker: Result<never, AwsError> = err(awsError('InvalidParameterValueException', 'Invalid marker.'))
