import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseQuery } from '@weft/aws'
import type { Clock } from '@weft/platform'
import type { CodeStore } from '@weft/registry'
import type { DoorHead, DoorResponse } from '../doors/door.ts'

/** API reference of GetFunction: the link to the package is good for ten minutes. */
const lifeMs = 600_000
const prefix = '/weft/code/'

/** Links to packages that need no credentials: digest and end of life under the fabric's seal. */
export class CodeLinks {
  readonly #secret: string
  readonly #code: Pick<CodeStore, 'get'>
  readonly #clock: Pick<Clock, 'now'>

  constructor(clusterSecret: string, code: Pick<CodeStore, 'get'>, clock: Pick<Clock, 'now'>) {
    this.#secret = clusterSecret
    this.#code = code
    this.#clock = clock
  }

  url(base: string, digest: string): string {
    const expires = String(this.#clock.now() + lifeMs)
    return `${base}${prefix}${digest}?Expires=${expires}&Signature=${this.#seal(digest, expires).toString('base64url')}`
  }

  /** Whether a request is for a package. */
  covers(head: DoorHead): boolean {
    return head.method === 'GET' && head.rawPath.startsWith(prefix)
  }

  async answer(head: DoorHead): Promise<DoorResponse> {
    const digest = head.rawPath.slice(prefix.length)
    const query = new Map(parseQuery(head.rawQuery)?.map(({ name, value }) => [name, value]))
    const expires = query.get('Expires') ?? ''
    const given = Buffer.from(query.get('Signature') ?? '', 'base64url')
    const expected = this.#seal(digest, expires)
    const sound = given.byteLength === expected.byteLength && timingSafeEqual(given, expected)
    if (!sound || !(this.#clock.now() <= Number(expires)))
      return { status: 403, headers: { 'content-type': 'text/plain' }, body: 'The link is not valid any more.\n' }
    return { status: 200, headers: { 'content-type': 'application/zip' }, body: await this.#code.get(digest) }
  }

  #seal(digest: string, expires: string): Buffer {
    return createHmac('sha256', this.#secret).update(`weft-code\n${digest}\n${expires}`).digest()
  }
}
