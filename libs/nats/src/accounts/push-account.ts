import type { NatsLink } from '../link.ts'
import type { AccountJwt } from './keyring.ts'

/** How long servers may take to say that they have it, ms; one that is away hears of it from the others when it is back. */
const answersWithinMs = 5_000

/**
 * Makes a new or changed account known to the running servers; resolves when `servers` of them have it, or when time is
 * up and at least one has. `system` is a link with the system user's creds.
 */
export const pushAccount = (system: NatsLink, account: AccountJwt, servers = 1): Promise<void> =>
  tellServers(system, '$SYS.REQ.CLAIMS.UPDATE', account.jwt, servers)

/** Makes the running servers forget accounts: `order` is the keyring's. */
export const deleteAccount = (system: NatsLink, order: string, servers = 1): Promise<void> =>
  tellServers(system, '$SYS.REQ.CLAIMS.DELETE', order, servers)

async function tellServers(system: NatsLink, subject: string, claims: string, servers: number): Promise<void> {
  const answers = await system.connection.requestMany(subject, claims, {
    strategy: 'count',
    maxMessages: servers,
    maxWait: answersWithinMs,
  })
  let taken = 0
  for await (const answer of answers) {
    if (answer instanceof Error) throw answer
    const { data, error } = answer.json<{ data?: { code: number }; error?: { description?: string } }>()
    if (data?.code !== 200) throw new Error(`a server refused the change of an account: ${error?.description}`)
    taken++
  }
  if (taken === 0) throw new Error('no server took the change of an account')
}
