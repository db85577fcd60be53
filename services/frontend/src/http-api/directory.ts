import type { AccountId, HttpApi, HttpApiEntry, HttpDomain } from '@weft/contracts'
import type { Store } from '@weft/registry'

/** HTTP APIs and domain names: looked up in memory, written by compare-and-set. */
export interface HttpApiDirectory {
  readonly store: Store<HttpApiEntry>
  readonly index: HttpApiIndex
}

const isApi = (entry: HttpApiEntry): entry is HttpApi => 'apiId' in entry

/** What the bucket of HTTP APIs holds, as requests find it: by id and by host name, whatever the account. */
export class HttpApiIndex {
  readonly #entries = new Map<string, HttpApiEntry>()
  readonly #apis = new Map<string, HttpApi>()
  readonly #domains = new Map<string, readonly HttpDomain[]>()

  /** Takes what a key holds now; undefined when it was removed. */
  put(key: string, entry: HttpApiEntry | undefined): void {
    const before = this.#entries.get(key)
    if (before && isApi(before)) this.#apis.delete(before.apiId)
    else if (before) this.#setDomains(before.domainName, (domain) => domain !== before)
    if (entry === undefined) {
      this.#entries.delete(key)
      return
    }
    this.#entries.set(key, entry)
    if (isApi(entry)) this.#apis.set(entry.apiId, entry)
    else this.#setDomains(entry.domainName, () => true, entry)
  }

  api(apiId: string): HttpApi | undefined {
    return this.#apis.get(apiId)
  }

  /** In order of their ids. */
  apis(account: AccountId): readonly HttpApi[] {
    return [...this.#apis.values()]
      .filter(({ accountId }) => accountId === account)
      .sort((a, b) => (a.apiId < b.apiId ? -1 : 1))
  }

  /** Whoever claimed a name first has it: two accounts may have done so in the same moment. */
  domain(name: string): HttpDomain | undefined {
    return this.#domains.get(name)?.[0]
  }

  domains(account: AccountId): readonly HttpDomain[] {
    return [...this.#domains.values()]
      .flatMap(([first]) => (first?.accountId === account ? [first] : []))
      .sort((a, b) => (a.domainName < b.domainName ? -1 : 1))
  }

  #setDomains(name: string, keep: (domain: HttpDomain) => boolean, added?: HttpDomain): void {
    const claims = [...(this.#domains.get(name) ?? []).filter(keep), ...(added ? [added] : [])].sort(
      (a, b) => a.createdDate.localeCompare(b.createdDate) || a.accountId.localeCompare(b.accountId),
    )
    if (claims.length === 0) this.#domains.delete(name)
    else this.#domains.set(name, claims)
  }
}
