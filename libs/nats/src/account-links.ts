import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AccountId } from '@weft/contracts'
import type { TenantUser } from './accounts/permissions.ts'
import type { AccountLinks } from './dead-letters.ts'
import { type LinkOptions, type NatsLink, openLink } from './link.ts'

export interface AccountLinksOptions extends Pick<LinkOptions, 'servers' | 'log' | 'clock'> {
  /** Holds `<account>.<user>.creds` for the users that this process may be. */
  readonly credsDir: string
  readonly name: string
}

/** Connections into clients' accounts, each opened at its first use and kept until disposed. */
export function openAccountLinks(options: AccountLinksOptions): AccountLinks & AsyncDisposable {
  const { credsDir, name, ...rest } = options
  const opened = new Map<string, Promise<NatsLink>>()
  const open = async (account: AccountId, user: TenantUser): Promise<NatsLink> => {
    const creds = readFileSync(join(credsDir, `${account}.${user}.creds`), 'utf8')
    return openLink({ ...rest, name: `${name} for ${account}`, creds, firstConnectMs: 5_000 })
  }
  const link = (account: AccountId, user: TenantUser): Promise<NatsLink> => {
    const key = `${account}.${user}`
    const known = opened.get(key)
    if (known) return known
    const opening = open(account, user)
    opened.set(key, opening)
    // One that could not be opened is tried again at the next use.
    opening.catch(() => opened.delete(key))
    return opening
  }
  return {
    reader: (account) => link(account, 'poller'),
    publisher: (account) => link(account, 'dead-letter'),
    async [Symbol.asyncDispose]() {
      for (const one of await Promise.allSettled(opened.values()))
        if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]()
    },
  }
}
