import {
  type AccountId,
  type Alias,
  type CatalogueKey,
  catalogueKeys,
  type FunctionName,
  type FunctionRecord,
  type FunctionVersion,
  type PublishedVersion,
} from '@weft/contracts'
import type { Leftover, UrlOwner } from './ports.ts'

/** What lies in the bucket of functions under a name. */
interface Family {
  record?: FunctionRecord
  readonly versions: Map<string, PublishedVersion>
  readonly aliases: Map<string, Alias>
}

interface FamiliesOfAccount {
  readonly byName: Map<FunctionName, Family>
  /** Made when asked for; undefined after a change. */
  sorted: readonly FunctionRecord[] | undefined
}

/** Functions, versions and aliases in memory: what a catalogue looks them up in. */
export class FunctionIndex {
  readonly #accounts = new Map<AccountId, FamiliesOfAccount>()
  readonly #urls = new Map<string, UrlOwner>()

  /** Takes what a key holds now; undefined when it was removed. */
  put(key: CatalogueKey, value: unknown): void {
    const account: FamiliesOfAccount = this.#accounts.get(key.accountId) ?? { byName: new Map(), sorted: undefined }
    this.#accounts.set(key.accountId, account)
    const family: Family = account.byName.get(key.functionName) ?? { versions: new Map(), aliases: new Map() }
    account.byName.set(key.functionName, family)
    if (key.kind === 'function') {
      this.#indexUrls(family.record, value as FunctionRecord | undefined)
      if (value === undefined) delete family.record
      else family.record = value as FunctionRecord
      account.sorted = undefined
    } else if (key.kind === 'version')
      putOrDelete(family.versions, key.qualifier, value as PublishedVersion | undefined)
    else if (key.kind === 'alias') putOrDelete(family.aliases, key.qualifier, value as Alias | undefined)
    if (!family.record && family.versions.size + family.aliases.size === 0) account.byName.delete(key.functionName)
  }

  function(account: AccountId, name: FunctionName): FunctionRecord | undefined {
    return this.#family(account, name)?.record
  }

  functions(account: AccountId): readonly FunctionRecord[] {
    const families = this.#accounts.get(account)
    if (!families) return []
    families.sorted ??= [...families.byName.values()]
      .flatMap(({ record }) => record ?? [])
      .sort((a, b) => (a.functionName < b.functionName ? -1 : 1))
    return families.sorted
  }

  version(account: AccountId, name: FunctionName, version: string): FunctionVersion | undefined {
    const family = this.#family(account, name)
    return family && ofThisLife(family, family.versions.get(version))?.version
  }

  versions(account: AccountId, name: FunctionName): readonly FunctionVersion[] {
    const family = this.#family(account, name)
    if (!family) return []
    return [...family.versions.values()]
      .flatMap((one) => ofThisLife(family, one)?.version ?? [])
      .sort((a, b) => Number(a.version) - Number(b.version))
  }

  alias(account: AccountId, name: FunctionName, alias: string): Alias | undefined {
    const family = this.#family(account, name)
    return family && ofThisLife(family, family.aliases.get(alias))
  }

  aliases(account: AccountId, name: FunctionName): readonly Alias[] {
    const family = this.#family(account, name)
    if (!family) return []
    return [...family.aliases.values()]
      .flatMap((one) => ofThisLife(family, one) ?? [])
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  functionOfUrl(urlId: string): UrlOwner | undefined {
    return this.#urls.get(urlId)
  }

  leftovers(account: AccountId, name: FunctionName): readonly Leftover[] {
    const family = this.#family(account, name)
    if (!family) return []
    const of = (kind: 'alias' | 'version', map: ReadonlyMap<string, Alias | PublishedVersion>): Leftover[] =>
      [...map].map(([qualifier, { functionId }]) => ({
        key: { kind, accountId: account, functionName: name, qualifier },
        functionId,
      }))
    return [...of('alias', family.aliases), ...of('version', family.versions)]
  }

  codeInUse(): ReadonlySet<string> {
    const digests = new Set<string>()
    const use = ({ code, layers = [] }: Pick<FunctionVersion, 'code' | 'layers'>): void => {
      for (const { digest } of [code, ...(code.image?.layers ?? []), ...layers]) digests.add(digest)
    }
    for (const { byName } of this.#accounts.values())
      for (const { record, versions } of byName.values()) {
        if (record) use(record.latest)
        if (record?.imageImport?.change) use(record.imageImport.change)
        // Those of a deleted function too: they go with their key.
        for (const { version } of versions.values()) use(version)
      }
    return digests
  }

  #indexUrls(before: FunctionRecord | undefined, now: FunctionRecord | undefined): void {
    for (const { urlId } of Object.values(before?.urls ?? {})) this.#urls.delete(urlId)
    if (!now) return
    for (const [qualifier, { urlId }] of Object.entries(now.urls ?? {}))
      this.#urls.set(urlId, { record: now, qualifier })
  }

  #family(account: AccountId, name: FunctionName): Family | undefined {
    return this.#accounts.get(account)?.byName.get(name)
  }
}

const ofThisLife = <T extends PublishedVersion | Alias>(family: Family, one: T | undefined): T | undefined =>
  one && family.record && one.functionId === family.record.functionId ? one : undefined

function putOrDelete<T>(map: Map<string, T>, key: string | undefined, value: T | undefined): void {
  if (key === undefined) return
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

/** The text of a key. */
export function catalogueKeyText({ kind, accountId, functionName, qualifier = '' }: CatalogueKey): string {
  switch (kind) {
    case 'function':
    case 'numbering':
      return catalogueKeys[kind](accountId, functionName)
    case 'version':
    case 'alias':
      return catalogueKeys[kind](accountId, functionName, qualifier)
  }
}
