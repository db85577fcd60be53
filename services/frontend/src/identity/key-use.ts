import type { Clock, Logger } from '@weft/platform'
import { changeAccessKey, type IdentityDirectory, identityKey } from '@weft/policy'
import type { Principal } from '../doors/door.ts'

export interface KeyUseDeps {
  readonly identities: IdentityDirectory
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
  readonly region: string
}

/** API reference of GetAccessKeyLastUsed: what is told may be as old as this. */
const graspMs = 15 * 60_000

/**
 * Writes down when the access keys of users were last used, and for what: at most once in a quarter of an hour for a key, so
 * that calls cost nothing.
 */
export class KeyUse {
  readonly #deps: KeyUseDeps
  /** Keys whose use is being written by this frontend. */
  readonly #writing = new Set<string>()

  constructor(deps: KeyUseDeps) {
    this.#deps = deps
  }

  note({ accountId, homeAccountId, user, keyId, temporary }: Principal, service: string): void {
    if (!user || temporary) return
    const { identities, clock, log } = this.#deps
    const known = identities.user(homeAccountId ?? accountId, user.name)
    const key = known?.accessKeys.find((one) => one.accessKeyId === keyId)
    const atMs = clock.now()
    if (!known || !key || atMs - (key.lastUsed?.atMs ?? 0) < graspMs || this.#writing.has(keyId)) return
    this.#writing.add(keyId)
    void this.#write(identityKey(known.accountId, 'user', known.name), keyId, service, atMs)
      .catch((error: unknown) => log.warn({ err: error, keyId }, 'the use of an access key could not be written down'))
      .finally(() => this.#writing.delete(keyId))
  }

  /** A race with another change of the user is lost without harm: the next use is written. */
  async #write(recordKey: string, keyId: string, service: string, atMs: number): Promise<void> {
    const { identities, region } = this.#deps
    const stored = await identities.store.read(recordKey)
    if (stored?.value.kind !== 'user') return
    const changed = changeAccessKey(stored.value, keyId, (key) => ({ ...key, lastUsed: { atMs, service, region } }))
    if (changed.ok) await identities.store.replace(recordKey, changed.value, stored.revision)
  }
}
