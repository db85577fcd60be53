import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AccountId } from '@weft/contracts'
import type { Catalogue } from '@weft/registry'
import type { TenantUser } from './accounts/permissions.ts'
import type { AccountLinks } from './dead-letters.ts'
import { type LinkOptions, type NatsLink, openLink } from './link.ts'

export interface AccountLinksOptions extends Pick<LinkOptions, 'servers' | 'log' | 'clock'> {
  /** Content of the creds file of a user inside an account; asked at every opening. */
  readonly credsOf: (account: AccountId, user: TenantUser) => Promise<string>
  readonly name: string
  /** Connections into an account that is disabled or gone are closed. */
  readonly catalogue: Pick<Catalogue, 'onChange'>
}

/** Creds of the users that this process may be, as files `<account>.<user>.creds` of a folder. */
export const credsFiles =
  (dir: string): AccountLinksOptions['credsOf'] =>
  (account, user) =>
    readFile(join(dir, `${account}.${user}.creds`), 'utf8')

/** Connections into clients' accounts, each opened at its first use and kept until disposed. */
export function openAccountLinks(options: AccountLinksOptions): AccountLinks & AsyncDisposable {
  const { credsOf, name, catalogue, ...rest } = options
  const opened = new Map<string, Promise<NatsLink>>()
  const open = async (account: AccountId, user: TenantUser): Promise<NatsLink> =>
    openLink({ ...rest, name: `${name} for ${account}`, creds: await credsOf(account, user), firstConnectMs: 5_000 })
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
  const close = async (which: (key: string) => boolean): Promise<void> => {
    const closing = [...opened].filter(([key]) => which(key))
    for (const [key] of closing) opened.delete(key)
    for (const one of await Promise.allSettled(closing.map(([, opening]) => opening)))
      if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]()
  }
  const forget = catalogue.onChange(({ kind, key, removed }) => {
    if (kind === 'account' && removed) void close((one) => one.startsWith(`${key}.`))
  })
  return {
    reader: (account) => link(account, 'poller'),
    publisher: (account) => link(account, 'dead-letter'),
    async [Symbol.asyncDispose]() {
      forget()
      await close(() => true)
    },
  }
}
