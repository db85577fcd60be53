import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Account,
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeActivation,
  encodeGeneric,
  encodeOperator,
  encodeUser,
  fmtCreds,
  fromSeed,
  type KeyPair,
  newScopedSigner,
  type OperatorLimits,
} from '@nats-io/jwt'
import { type AccountId, isAccountId, subjects } from '@weft/contracts'
import {
  type AllowList,
  type ServiceName,
  serviceAllowList,
  serviceNames,
  type TenantUser,
  tenantAllowList,
  tenantUsers,
} from './permissions.ts'

/**
 * Seeds by name, as kept in `keyring.json` (mode 0600); whoever holds it owns the fabric's bus. Names: `operator`,
 * `operator/signing`, `<account>`, `<account>/role/<user>` (signs users of that role), `<account>/user/<user>`.
 */
type Seeds = Readonly<Record<string, string>>

export interface AccountJwt {
  /** Public key; what the server knows the account by. */
  readonly publicKey: string
  readonly jwt: string
}

/** What an administrator has decided of a client account, as far as the bus enforces it. */
export interface TenantClaims {
  /** Bytes of JetStream storage that it may use; the server sets them aside. */
  readonly storageBytes: number
  /** Nobody may connect, and who is connected is cut off. */
  readonly disabled: boolean
}

/** Names of the fabric's own accounts; those of clients are named by their twelve digits. */
const system = 'SYS'
const fabric = 'WEFT'

/** An invoke may take 15 minutes; the server forgets where an import's answer belongs after two, by default. */
const answerWithinNs = 20 * 60 * 1_000_000_000

export interface Keyring {
  readonly operatorJwt: () => Promise<string>
  readonly systemAccount: string
  /** JWTs of all accounts, as the server's resolver wants them. */
  accountJwts(): Promise<readonly AccountJwt[]>
  /** The JWT of one client account, to push to running servers. Adds the account to the keyring when it is new. */
  tenantJwt(account: AccountId): Promise<AccountJwt>
  /** Keeps what holds of a client account from now on, over restarts; absent claims stay. `tenantJwt` then states it. */
  claim(account: AccountId, claims: Partial<TenantClaims>): void
  /** Takes an account out of the keyring: its seeds are gone. Resolves to the order that makes servers forget it. */
  dismiss(account: AccountId): Promise<string>
  /** Client accounts in the keyring. */
  tenants(): readonly AccountId[]
  /** Contents of a creds file of a service. */
  serviceCreds(name: ServiceName): Promise<string>
  /** Of the user that reads the server's state and pushes account JWTs. */
  systemCreds(): Promise<string>
  tenantCreds(account: AccountId, user: TenantUser): Promise<string>
}

export interface KeyringLimits {
  /** Bytes of JetStream storage of a client account of which nothing else was claimed; the server sets them aside. */
  readonly tenantStorageBytes: number
}

const fileOf = (dir: string): string => join(dir, 'keyring.json')
const claimsFileOf = (dir: string): string => join(dir, 'tenants.json')

export const hasKeyring = (dir: string): boolean => existsSync(fileOf(dir))

/** Creates the keyring of a new fabric in `dir`. Throws when there is one. */
export function createKeyring(dir: string, limits: KeyringLimits): Keyring {
  if (hasKeyring(dir)) throw new Error(`${fileOf(dir)} exists already`)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  chmodSync(dir, 0o700)
  return open(dir, {}, limits)
}

/** Opens the keyring that an earlier start created. */
export function loadKeyring(dir: string, limits: KeyringLimits): Keyring {
  return open(dir, JSON.parse(readFileSync(fileOf(dir), 'utf8')) as Seeds, limits)
}

function open(dir: string, loaded: Seeds, limits: KeyringLimits): Keyring {
  const key = keyStore(dir, loaded)
  let claims = readClaims(dir)
  const claimsOf = (id: AccountId): TenantClaims =>
    claims[id] ?? { storageBytes: limits.tenantStorageBytes, disabled: false }
  const keepClaims = (changed: typeof claims): void => {
    claims = changed
    replaceFile(claimsFileOf(dir), claims)
  }
  const account = (name: string): KeyPair => key(name, createAccount)
  const roleKey = (name: string, user: string): KeyPair => key(`${name}/role/${user}`, createAccount)

  /**
   * Permissions stand in the account, one signing key per role, and not in each user's claims: credentials stay valid
   * when a list changes, and a user's claims stay below the server's limit of 4 KB for what a client sends to connect.
   */
  const accountJwt = async (
    name: string,
    roles: Readonly<Record<string, AllowList>>,
    claims: Partial<Account>,
  ): Promise<AccountJwt> => {
    const signing_keys = Object.entries(roles).map(([user, allow]) =>
      newScopedSigner(roleKey(name, user), user, {
        pub: { allow: [...allow.publish], deny: [...(allow.denyPublish ?? [])] },
        sub: { allow: [...allow.subscribe] },
      }),
    )
    const signer = key('operator/signing', createOperator)
    const jwt = await encodeAccount(name, account(name), { ...claims, signing_keys }, { signer })
    return { publicKey: account(name).getPublicKey(), jwt }
  }
  const creds = async (name: string, userName: string): Promise<string> => {
    const user = key(`${name}/user/${userName}`, createUser)
    const options = { signer: roleKey(name, userName), scopedUser: true }
    const jwt = await encodeUser(userName, user, account(name).getPublicKey(), {}, options)
    return new TextDecoder().decode(fmtCreds(jwt, user))
  }
  const tenantJwt = async (id: AccountId): Promise<AccountJwt> => {
    const imports = await Promise.all(
      exported.map(async ({ name, importedAs }) => {
        const subject = importedAs(id)
        // The library fills in the other claims, which its type asks for.
        const grant = { subject } as Parameters<typeof encodeActivation>[4]
        const token = await encodeActivation(name, account(id).getPublicKey(), account(fabric), 'service', grant)
        return { name, subject, type: 'service' as const, account: account(fabric).getPublicKey(), token }
      }),
    )
    const roles = Object.fromEntries(tenantUsers.map((user) => [user, tenantAllowList(user)]))
    const { storageBytes, disabled } = claimsOf(id)
    const conn = disabled ? 0 : unlimited
    return accountJwt(id, roles, { imports, limits: limitsOf({ disk_storage: storageBytes, conn }) })
  }
  const tenants = (): AccountId[] => key.names().filter(isAccountId)
  const everything: AllowList = { publish: ['>'], subscribe: ['>'] }

  return {
    operatorJwt: () =>
      encodeOperator('weft', key('operator', createOperator), {
        system_account: account(system).getPublicKey(),
        signing_keys: [key('operator/signing', createOperator).getPublicKey()],
      }),
    systemAccount: account(system).getPublicKey(),
    accountJwts: async () =>
      Promise.all([
        accountJwt(system, { system: everything }, { limits: limitsOf({ disk_storage: 0, mem_storage: 0 }) }),
        accountJwt(fabric, Object.fromEntries(serviceNames.map((name) => [name, serviceAllowList(name)])), {
          limits: limitsOf({ disk_storage: -1, mem_storage: -1 }),
          exports: exported.map(({ name, subject }) => ({
            name,
            subject,
            type: 'service',
            token_req: true,
            response_type: 'Singleton',
            response_threshold: answerWithinNs,
          })),
        }),
        ...tenants().map(tenantJwt),
      ]),
    tenantJwt,
    claim: (id, wanted) => keepClaims({ ...claims, [id]: { ...claimsOf(id), ...wanted } }),
    async dismiss(id) {
      const operator = key('operator', createOperator)
      const accounts = [account(id).getPublicKey()]
      const order = await encodeGeneric('delete', operator, 'generic', { accounts }, { signer: operator })
      const { [id]: _dismissed, ...rest } = claims
      keepClaims(rest)
      key.remove((name) => name === id || name.startsWith(`${id}/`))
      return order
    },
    tenants,
    serviceCreds: (name) => creds(fabric, name),
    systemCreds: () => creds(system, 'system'),
    tenantCreds: (id, user) => creds(id, user),
  }
}

interface KeyStore {
  /** The key pair of that name, made and saved at its first use. */
  (name: string, create: () => KeyPair): KeyPair
  names(): readonly string[]
  remove(which: (name: string) => boolean): void
}

function keyStore(dir: string, loaded: Seeds): KeyStore {
  let seeds = loaded
  const keep = (changed: Seeds): void => {
    seeds = changed
    replaceFile(fileOf(dir), seeds)
  }
  const key = (name: string, create: () => KeyPair): KeyPair => {
    const seed = seeds[name]
    if (seed !== undefined) return fromSeed(new TextEncoder().encode(seed))
    const fresh = create()
    keep({ ...seeds, [name]: new TextDecoder().decode(fresh.getSeed()) })
    return fresh
  }
  return Object.assign(key, {
    names: () => Object.keys(seeds),
    remove: (which: (name: string) => boolean) =>
      keep(Object.fromEntries(Object.entries(seeds).filter(([name]) => !which(name)))),
  })
}

function readClaims(dir: string): Readonly<Record<string, TenantClaims>> {
  const file = claimsFileOf(dir)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, TenantClaims>) : {}
}

/** Whole or not at all, readable by its owner only. */
function replaceFile(path: string, value: unknown): void {
  writeFileSync(`${path}.part`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.part`, path)
}

const exported = [
  { name: 'invoke', subject: subjects.invokeAll, importedAs: subjects.invokeOf },
  { name: 'event', subject: 'weft.event.*.>', importedAs: subjects.eventOf },
] as const

const unlimited = -1
const limitsOf = (own: { disk_storage: number; mem_storage?: number; conn?: number }): OperatorLimits => ({
  subs: unlimited,
  data: unlimited,
  payload: unlimited,
  imports: unlimited,
  exports: unlimited,
  wildcards: true,
  conn: unlimited,
  leaf: 0,
  disallow_bearer: true,
  mem_storage: 0,
  streams: unlimited,
  consumer: unlimited,
  ...own,
})
