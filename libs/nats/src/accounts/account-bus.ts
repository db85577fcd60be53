import { JetStreamApiError } from '@nats-io/jetstream'
import { headers } from '@nats-io/transport-node'
import { type Account, type AccountId, buckets, consumers, streams } from '@weft/contracts'
import { eventBytesOf, storageOf } from '@weft/registry'
import { accountShares, ensureAccount, type FabricOptions } from '../fabric.ts'
import type { NatsLink } from '../link.ts'
import type { Keyring } from './keyring.ts'
import type { TenantUser } from './permissions.ts'
import { deleteAccount, pushAccount } from './push-account.ts'

export interface AccountBusOptions {
  readonly keyring: Keyring
  /** With the rights of the system user, and of the fabric's admin. */
  readonly system: NatsLink
  readonly admin: NatsLink
  readonly fabric: FabricOptions
  /** A connection with the given creds; the caller of this function closes it. */
  readonly connect: (creds: string, name: string) => Promise<NatsLink>
  /** Gives the services what they need to act inside an account; undefined takes it from them. */
  readonly handOut?: (account: AccountId, credsOf: ((user: TenantUser) => Promise<string>) | undefined) => Promise<void>
}

/** Accounts as the bus knows them: NATS accounts, their limits, their event streams and their credentials. */
export interface AccountBus {
  /** Makes the bus agree with the record, whatever it knew before. Idempotent. */
  settle(account: Account): Promise<void>
  /** Rejects unless the account's own client can connect and has JetStream. */
  prove(account: AccountId): Promise<void>
  /** Lets nobody into the account any more, whatever it has. */
  close(account: AccountId): Promise<void>
  /** Content of the .creds file of the account's client. */
  clientCreds(account: AccountId): Promise<string>
  /** Frees everything that the account has anywhere in the fabric, its catalogue record last. Idempotent. */
  erase(account: AccountId): Promise<void>
  /** Accounts that the bus knows. */
  known(): readonly AccountId[]
}

export function openAccountBus(options: AccountBusOptions): AccountBus {
  const { keyring, system, admin, fabric } = options
  const shares = accountShares(fabric.storageBytes)
  return {
    async settle(account) {
      const { accountId } = account
      const storageBytes = storageOf(account, shares)
      keyring.claim(accountId, { storageBytes, disabled: account.disabled === true })
      await pushAccount(system, await keyring.tenantJwt(accountId), fabric.replicas)
      await ensureAccount(admin, accountId, fabric, eventBytesOf(storageBytes))
      await options.handOut?.(accountId, (user) => keyring.tenantCreds(accountId, user))
    },
    async prove(account) {
      await using client = await options.connect(await keyring.tenantCreds(account, 'client'), `proof of ${account}`)
      await client.jsm.getAccountInfo()
    },
    async close(account) {
      keyring.claim(account, { disabled: true })
      await pushAccount(system, await keyring.tenantJwt(account), fabric.replicas)
      await options.handOut?.(account, undefined)
    },
    clientCreds: (account) => keyring.tenantCreds(account, 'client'),
    async erase(account) {
      await emptyFabric(admin, account)
      await purgeOwnStreams(system, (await keyring.tenantJwt(account)).publicKey)
      await removeKeys(admin, buckets.accounts, account)
      await options.handOut?.(account, undefined)
      await deleteAccount(system, await keyring.dismiss(account), fabric.replicas)
    },
    known: () => keyring.tenants(),
  }
}

/** Buckets whose keys begin with an account; the others hold nothing of accounts. */
const accountBuckets: readonly string[] = Object.values(buckets).filter(
  (bucket) => bucket !== buckets.accounts && bucket !== buckets.code,
)

async function emptyFabric(admin: NatsLink, account: AccountId): Promise<void> {
  // Removed key by key, so that every watcher hears of it: functions go, and with them their sandboxes.
  for (const bucket of accountBuckets) await removeKeys(admin, bucket, account)
  await unlessMissing(admin.jsm.streams.delete(streams.events(account)))
  await unlessMissing(admin.jsm.consumers.delete(streams.retries, consumers.retriesOf(account)))
  const shared = Object.values(streams).filter((stream) => typeof stream === 'string')
  for (const stream of shared) await unlessMissing(admin.jsm.streams.purge(stream, { filter: `weft.*.${account}.>` }))
}

async function removeKeys(admin: NatsLink, bucket: string, account: AccountId): Promise<void> {
  for (const pattern of [`$KV.${bucket}.${account}`, `$KV.${bucket}.${account}.>`]) {
    const info = await unlessMissing(admin.jsm.streams.info(`KV_${bucket}`, { subjects_filter: pattern }))
    for (const subject of Object.keys(info?.state.subjects ?? {})) {
      const removal = headers()
      removal.set('KV-Operation', 'DEL')
      await admin.js.publish(subject, '', { headers: removal })
    }
  }
}

/** The server deletes them itself: the account may be closed to every user. */
async function purgeOwnStreams(system: NatsLink, publicKey: string): Promise<void> {
  const answer = await system.connection.request(`$JS.API.ACCOUNT.PURGE.${publicKey}`, '', { timeout: 5_000 })
  const { initiated, error } = answer.json<{ initiated?: boolean; error?: { description?: string } }>()
  if (!initiated) throw new Error(`the streams of account ${publicKey} were not deleted: ${error?.description}`)
}

const missing = [10059, 10014]

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof JetStreamApiError && missing.includes(error.code)) return undefined
    throw error
  }
}
