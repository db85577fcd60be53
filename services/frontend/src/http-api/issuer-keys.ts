import { isObject } from '../doors/web/web-answer.ts'
import type { Jwk } from './jwt.ts'

export interface IssuerKeysDeps {
  /** GET of a JSON document; rejects when it cannot be had. */
  readonly fetchJson: (url: string) => Promise<unknown>
  /** Monotonic ms. */
  readonly now: () => number
}

/** AWS keeps keys for two hours. */
const keepMs = 2 * 60 * 60_000
/** A token with an unknown key may mean that the issuer has new ones; no more often than this is looked. */
const refetchMs = 60_000
const mostIssuers = 1_000

interface Entry {
  readonly keys: Promise<readonly Jwk[]>
  readonly atMs: number
  empty: boolean
}

/** Keys of token issuers, by OpenID discovery. An issuer that cannot be reached has none, and is asked again later. */
export class IssuerKeys {
  readonly #deps: IssuerKeysDeps
  readonly #issuers = new Map<string, Entry>()

  constructor(deps: IssuerKeysDeps) {
    this.#deps = deps
  }

  /** Keys that may have made a signature under this id. */
  async find(issuer: string, kid: string | undefined): Promise<readonly Jwk[]> {
    const fitting = (keys: readonly Jwk[]): readonly Jwk[] =>
      kid === undefined ? keys : keys.filter((key) => key.kid === kid)
    const found = fitting(await this.#keys(issuer, keepMs))
    return found.length > 0 ? found : fitting(await this.#keys(issuer, refetchMs))
  }

  #keys(issuer: string, keptMs: number): Promise<readonly Jwk[]> {
    const now = this.#deps.now()
    const known = this.#issuers.get(issuer)
    // One that gave nothing is asked again after a moment.
    if (known && now - known.atMs < (known.empty ? refetchMs : keptMs)) return known.keys
    if (this.#issuers.size >= mostIssuers) this.#issuers.clear()
    const entry: Entry = { keys: this.#fetch(issuer).catch(() => []), atMs: now, empty: false }
    this.#issuers.set(issuer, entry)
    void entry.keys.then((keys) => {
      entry.empty = keys.length === 0
    })
    return entry.keys
  }

  async #fetch(issuer: string): Promise<readonly Jwk[]> {
    const about = await this.#deps.fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    if (!isObject(about) || typeof about.jwks_uri !== 'string') return []
    const document = await this.#deps.fetchJson(about.jwks_uri)
    if (!isObject(document) || !Array.isArray(document.keys)) return []
    return document.keys.filter((key): key is Jwk => isObject(key) && typeof key.kty === 'string')
  }
}
