import type { NatsLink } from '../link.ts'
import type { AccountJwt } from './keyring.ts'

/** Makes a new or changed account known to the running servers. `system` is a link with the system user's creds. */
export async function pushAccount(system: NatsLink, account: AccountJwt): Promise<void> {
  const answer = await system.connection.request('$SYS.REQ.CLAIMS.UPDATE', account.jwt, { timeout: 5_000 })
  const { data, error } = answer.json<{ data?: { code: number }; error?: { description?: string } }>()
  if (data?.code !== 200) throw new Error(`the server refused account ${account.publicKey}: ${error?.description}`)
}
