import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import type { ResealReport, SecretStore } from '@weft/nats'
import { type Clock, type Logger, type MasterKey, type MasterKeys, newMasterKey, writeMasterKeys } from '@weft/platform'

export interface EncryptionDeps {
  readonly keys: MasterKeys & { reload(): void }
  /** Every file from which a service has its keys; that of `keys` is one of them. */
  readonly files: readonly string[]
  readonly secrets: SecretStore
  readonly clock: Clock
  readonly log: Logger
}

export interface EncryptionState {
  /** Oldest first; the last one seals. */
  readonly keys: readonly { readonly id: string; readonly createdAtMs: number; readonly records: number }[]
  readonly openRecords: number
  readonly lostRecords: number
}

/** The master keys of a fabric: tells of them, adds one, forgets one. */
export class Encryption {
  readonly #deps: EncryptionDeps

  constructor(deps: EncryptionDeps) {
    this.#deps = deps
  }

  async state(): Promise<EncryptionState> {
    const { keys, secrets } = this.#deps
    const { byKey, open } = await secrets.count()
    const known = keys.list()
    const lost = [...byKey].filter(([id]) => !known.some((key) => key.id === id))
    return {
      keys: known.map(({ id, createdAtMs }) => ({ id, createdAtMs, records: byKey.get(id) ?? 0 })),
      openRecords: open,
      lostRecords: lost.reduce((sum, [, records]) => sum + records, 0),
    }
  }

  /** Every service has the new key at hand before the first record is under it. */
  async rotate(): Promise<ResealReport & { readonly keyId: string }> {
    const { keys, secrets, clock, log } = this.#deps
    const added = newMasterKey(clock.now())
    this.#write([...keys.list(), added])
    const report = await secrets.reseal()
    log.info({ keyId: added.id, ...report }, 'master key rotated')
    return { keyId: added.id, ...report }
  }

  /** Errors: ResourceNotFound, ResourceInUse (the newest one, or records are under it). */
  async retire(id: string): Promise<Result<EncryptionState, AwsError>> {
    const { keys } = this.#deps
    const { keys: states } = await this.state()
    const one = states.find((key) => key.id === id)
    if (!one) return err(awsError('ResourceNotFoundException', `No master key ${id}`))
    if (one.records > 0 || keys.newest().id === id)
      return err(awsError('ResourceInUseException', `Master key ${id} is in use; rotate first.`))
    this.#write(keys.list().filter((key) => key.id !== id))
    return ok(await this.state())
  }

  #write(keys: readonly MasterKey[]): void {
    for (const file of this.#deps.files) writeMasterKeys(file, keys)
    this.#deps.keys.reload()
  }
}
