import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()

/** More keys in use at once than this, and the oldest are derived again. */
const mostKeys = 4_096

/**
 * Derived signing keys per (access key, date, region, service): four HMACs less on every request after the first. Key
 * objects, because an HMAC keyed with bytes costs five times as much.
 */
export class SigningKeys {
  readonly #keys = new Map<string, { readonly secret: string; readonly key: KeyObject }>()

  get(
    scope: { readonly accessKeyId: string; readonly date: string; readonly region: string; readonly service: string },
    secret: string,
  ): KeyObject {
    const id = `${scope.accessKeyId}/${scope.date}/${scope.region}/${scope.service}`
    const known = this.#keys.get(id)
    // A rotated secret of the same id must not verify against the old key.
    if (known?.secret === secret) return known.key
    const service = hmac(hmac(hmac(`AWS4${secret}`, scope.date), scope.region), scope.service)
    const key = createSecretKey(hmac(service, 'aws4_request'))
    if (this.#keys.size >= mostKeys) {
      const oldest = this.#keys.keys().next().value
      if (oldest !== undefined) this.#keys.delete(oldest)
    }
    this.#keys.set(id, { secret, key })
    return key
  }
}
