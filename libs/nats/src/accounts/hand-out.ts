import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AccountBusOptions } from './account-bus.ts'
import type { TenantUser } from './permissions.ts'

/** Which users of a client's account act for the fabric, by the service that holds their credentials. */
const tenantUsersOf: Readonly<Record<string, readonly TenantUser[]>> = {
  poller: ['poller'],
  // The second looks up the subject of a stream that a function names as its dead-letter target.
  'async-queue': ['dead-letter', 'poller'],
}

/**
 * Puts the credentials that services have inside an account where `credsFiles` of each service reads them:
 * `<dir>/<service>/accounts/<account>.<user>.creds`. What one service holds, no other sees.
 */
export const handOutFiles =
  (dir: string): NonNullable<AccountBusOptions['handOut']> =>
  async (account, credsOf) => {
    for (const [service, users] of Object.entries(tenantUsersOf))
      for (const user of users) {
        const path = join(dir, service, 'accounts', `${account}.${user}.creds`)
        if (credsOf) writeSecret(path, await credsOf(user))
        else rmSync(path, { force: true })
      }
  }

/** Services that open or seal secrets of records. */
const sealingServices = ['async-queue', 'poller', 'placement', 'frontend', 'admin'] as const

/** Where each service of a cluster has its master keys; readers come before those that write. */
export const masterKeyFiles = (dir: string): { readonly own: string; readonly all: readonly string[] } => ({
  own: join(dir, 'admin', 'master-keys.json'),
  all: sealingServices.map((service) => join(dir, service, 'master-keys.json')),
})

/** Whole or not at all, readable by its owner only. */
export function writeSecret(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const part = `${path}.part`
  rmSync(part, { force: true })
  writeFileSync(part, text, { mode: 0o600 })
  renameSync(part, path)
}
