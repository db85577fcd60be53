import { type AccountId, type FunctionName, LATEST } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { ResolveCatalogue } from '@weft/registry'
import { specOfVersion } from './provisioned-targets.ts'

/** Notices when what a function runs is new, so that a worker can have it before the first call. */
export class NewCode {
  readonly #catalogue: ResolveCatalogue
  readonly #region: string
  /** By function: what must be on a worker that runs it. */
  readonly #known = new Map<string, string>()

  constructor(catalogue: ResolveCatalogue, region: string) {
    this.#catalogue = catalogue
    this.#region = region
  }

  /** What a worker needs for a call of the function, when something of that may not be there yet. */
  changed(account: AccountId, name: FunctionName): SandboxSpec | undefined {
    const key = `${account}.${name}`
    const record = this.#catalogue.function(account, name)
    if (!record) {
      this.#known.delete(key)
      return undefined
    }
    // Its first image is still on its way.
    if (record.imageImport && !record.imageImport.change) return undefined
    const { runtime, code, layers = [] } = record.latest
    const needs = [runtime, code.digest, ...layers.map(({ digest }) => digest)].join(' ')
    if (this.#known.get(key) === needs) return undefined
    this.#known.set(key, needs)
    return specOfVersion(this.#catalogue, record, LATEST, this.#region)
  }
}
