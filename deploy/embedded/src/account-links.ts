import type { AccountId } from '@weft/contracts'
import type { NatsLink } from '@weft/nats'
import type { Bus } from './bus.ts'

/** Connections into the accounts of clients, opened at their first use and kept until the bus is disposed. */
export function accountLinks(bus: Pick<Bus, 'tenantLink'>) {
  const opened = new Map<string, Promise<NatsLink>>()
  const link = (account: AccountId, user: 'poller' | 'dead-letter'): Promise<NatsLink> => {
    const key = `${user}/${account}`
    const known = opened.get(key)
    if (known) return known
    const opening = bus.tenantLink(account, user)
    opened.set(key, opening)
    // One that could not be opened is tried again at the next use.
    opening.catch(() => opened.delete(key))
    return opening
  }
  return {
    reader: (account: AccountId) => link(account, 'poller'),
    publisher: (account: AccountId) => link(account, 'dead-letter'),
  }
}
