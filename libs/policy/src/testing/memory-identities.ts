import { err, ok } from '@weft/contracts'
import { type IdentityDirectory, IdentityIndex, type IdentityStore } from '../identity/directory.ts'
import type { IdentityRecord } from '../identity/records.ts'

/** Identities in memory, with the promises of a real store. */
export class MemoryIdentities extends IdentityIndex implements IdentityDirectory {
  readonly entries = new Map<string, { readonly value: IdentityRecord; readonly revision: number }>()
  #revision = 0

  readonly store: IdentityStore = {
    read: (key) => Promise.resolve(this.entries.get(key)),
    create: (key, value) => {
      if (this.entries.has(key)) return Promise.resolve(err('exists'))
      return Promise.resolve(ok(this.#write(key, value)))
    },
    replace: (key, value, revision) => {
      if (this.entries.get(key)?.revision !== revision) return Promise.resolve(err('conflict'))
      return Promise.resolve(ok(this.#write(key, value)))
    },
    remove: (key, revision) => {
      if (this.entries.get(key)?.revision !== revision) return Promise.resolve(err('conflict'))
      this.entries.delete(key)
      this.put(key, undefined)
      return Promise.resolve(ok(undefined))
    },
  }

  #write(key: string, value: IdentityRecord): void {
    this.entries.set(key, { value, revision: ++this.#revision })
    this.put(key, value)
  }
}
