import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { parseQuery } from '@weft/aws'
import { type Clock, openPackage } from '@weft/platform'
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

  /** `key` opens a package that lies sealed; the link holds it where only the fabric can read it. */
  url(base: string, digest: string, key?: string): string {
    const expires = String(this.#clock.now() + lifeMs)
    const hidden = key === undefined ? '' : this.#hide(key)
    const signature = this.#seal(digest, expires, hidden).toString('base64url')
    return `${base}${prefix}${digest}?Expires=${expires}${hidden && `&Key=${hidden}`}&Signature=${signature}`
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
    const hidden = query.get('Key') ?? ''
    const expected = this.#seal(digest, expires, hidden)
    const sound = given.byteLength === expected.byteLength && timingSafeEqual(given, expected)
    if (!sound || !(this.#clock.now() <= Number(expires)))
      return { status: 403, headers: { 'content-type': 'text/plain' }, body: 'The link is not valid any more.\n' }
    const stored = await this.#code.get(digest)
    const body = hidden === '' ? stored : openPackage(stored, this.#reveal(hidden))
    return { status: 200, headers: { 'content-type': 'application/zip' }, body }
  }

  #seal(digest: string, expires: string, hidden: string): Buffer {
    const text = `weft-code\n${digest}\n${expires}${hidden && `\n${hidden}`}`
    return createHmac('sha256', this.#secret).update(text).digest()
  }

  get #linkKey(): Buffer {
    return createHmac('sha256', this.#secret).update('weft-code-key').digest()
  }

  #hide(key: string): string {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#linkKey, nonce)
    return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]).toString('base64url')
  }

  /** The signature has been found sound, so the fabric has hidden it. */
  #reveal(hidden: string): string {
    const bytes = Buffer.from(hidden, 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', this.#linkKey, bytes.subarray(0, nonceBytes))
    decipher.setAuthTag(bytes.subarray(-tagBytes))
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString()
  }
}

const [nonceBytes, tagBytes] = [12, 16]
