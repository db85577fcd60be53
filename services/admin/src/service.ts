import { randomInt } from 'node:crypto'
import type { Account } from '@weft/contracts'
import type { AccountBus } from '@weft/nats'
import type { Clock, Logger, Service, Timer } from '@weft/platform'
import type { AccountShares, Store } from '@weft/registry'
import { Accounts } from './accounts.ts'
import { type AdminConfig, startAdminDoor } from './door.ts'
import { Encryption, type EncryptionDeps } from './encryption.ts'

export interface AdminDeps {
  readonly store: Store<Account>
  /** All accounts as the catalogue has them, disabled ones too. */
  readonly list: () => readonly Account[]
  readonly bus: AccountBus
  /** Resolves when the doors know of the change of that revision. Absent: they are in this process. */
  readonly doorsKnow?: (revision: number) => Promise<void>
  readonly shares: AccountShares
  readonly token: string
  readonly encryption: Omit<EncryptionDeps, 'clock' | 'log'>
  readonly clock: Clock
  readonly log: Logger
}

export interface AdminService extends Service {
  readonly port: number
}

const retryMs = 10_000

/**
 * Opens the administration's door and makes the bus agree with the catalogue; what fails of that is told and tried again,
 * because accounts that are sound need not wait for one that is not. One instance at a time: it owns the keyring.
 */
export async function startAdmin(config: AdminConfig, deps: AdminDeps): Promise<AdminService> {
  const { clock, log } = deps
  const doorsKnow = deps.doorsKnow ?? (() => Promise.resolve())
  const accounts = new Accounts({ ...deps, doorsKnow, drawId: () => String(randomInt(1e12)).padStart(12, '0') })
  let problem: string | undefined
  let timer: Timer | undefined
  let stopped = false
  const reconcile = async (): Promise<void> => {
    try {
      await accounts.reconcile()
      problem = undefined
    } catch (error) {
      problem = `the bus does not agree with the accounts: ${error instanceof Error ? error.message : error}`
      log.error({ err: error }, problem)
      if (!stopped) timer = clock.schedule(retryMs, () => void reconcile())
    }
  }
  await reconcile()
  const encryption = new Encryption({ ...deps.encryption, clock, log })
  const door = await startAdminDoor(config, { ...deps, accounts, encryption })
  return {
    name: 'admin',
    port: door.port,
    problems: () => (problem === undefined ? [] : [problem]),
    async [Symbol.asyncDispose]() {
      stopped = true
      timer?.cancel()
      await door[Symbol.asyncDispose]()
    },
  }
}
