import { createHash, timingSafeEqual } from 'node:crypto'
import { type Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { type Account, type AwsError, awsError, err, limits, newRequestId, ok, type Result } from '@weft/contracts'
import {
  type Account as AccountMessage,
  type AdminServiceServer,
  AdminServiceService,
  type GetEncryptionResponse,
  type AccountLimits as LimitsMessage,
} from '@weft/contracts/api/admin'
import { grpcStatusOf, type Logger, type TlsIdentity } from '@weft/platform'
import { type AccountLimits, type AccountShares, storageOf } from '@weft/registry'
import type { Accounts } from './accounts.ts'
import type { Encryption, EncryptionState } from './encryption.ts'

export interface AdminConfig {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** The operator's certificate; absent: plain HTTP/2. */
  readonly tls?: TlsIdentity
}

export interface AdminDoorDeps {
  readonly accounts: Accounts
  readonly encryption: Encryption
  readonly shares: AccountShares
  /** Whoever has it administers the fabric. */
  readonly token: string
  readonly log: Logger
}

export interface AdminDoor extends AsyncDisposable {
  readonly port: number
}

/** Opens `weft.v1.AdminService` on a port of its own. Disposing lets running calls finish. */
export async function startAdminDoor({ host, port, tls }: AdminConfig, deps: AdminDoorDeps): Promise<AdminDoor> {
  const server = new Server()
  server.addService(AdminServiceService, adminService(deps))
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`${host}:${port}`, credentialsOf(tls), (error, chosen) =>
      error ? reject(error) : resolve(chosen),
    ),
  )
  return {
    port: bound,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
  }
}

/** Without a certificate it speaks plain HTTP/2: for loopback, or behind what ends TLS. */
function credentialsOf(tls: TlsIdentity | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure()
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }
  const ca = tls.clientCa === undefined ? null : Buffer.from(tls.clientCa)
  return ServerCredentials.createSsl(ca, [pair], ca !== null)
}

function adminService(deps: AdminDoorDeps): AdminServiceServer {
  const { accounts, encryption, shares } = deps
  const shown = (account: Account): AccountMessage => accountMessage(account, shares)
  const one = async (result: Result<Account, AwsError> | Promise<Result<Account, AwsError>>) =>
    mapOk(await result, shown)
  return {
    createAccount: unary(deps, async ({ name, accountId, limits: wanted }) => {
      const created = await accounts.create({ name, accountId, limits: limitsOf(wanted) })
      return mapOk(created, ({ account, accessKeyId, secretAccessKey, natsCreds }) => ({
        account: shown(account),
        accessKey: { accessKeyId, secretAccessKey },
        natsCreds,
      }))
    }),
    listAccounts: unary(deps, async () => ok({ accounts: accounts.list().map(shown) })),
    getAccount: unary(deps, async ({ accountId }) => one(accounts.get(accountId))),
    setAccountLimits: unary(deps, async ({ accountId, limits: wanted }) =>
      one(accounts.setLimits(accountId, limitsOf(wanted))),
    ),
    disableAccount: unary(deps, async ({ accountId }) => one(accounts.disable(accountId))),
    enableAccount: unary(deps, async ({ accountId }) => one(accounts.enable(accountId))),
    deleteAccount: unary(deps, async ({ accountId }) => mapOk(await accounts.delete(accountId), () => ({}))),
    createAccessKey: unary(deps, async ({ accountId }) => accounts.createKey(accountId)),
    setAccessKeyStatus: unary(deps, async ({ accountId, accessKeyId, status }) =>
      one(accounts.setKeyStatus(accountId, accessKeyId, status)),
    ),
    deleteAccessKey: unary(deps, async ({ accountId, accessKeyId }) => one(accounts.deleteKey(accountId, accessKeyId))),
    getCredentials: unary(deps, async ({ accountId }) =>
      mapOk(await accounts.creds(accountId), (natsCreds) => ({ natsCreds })),
    ),
    getEncryption: unary(deps, async () => ok(encryptionMessage(await encryption.state()))),
    rotateMasterKey: unary(deps, async () => {
      const { keyId, rewrapped, sealed, closed } = await encryption.rotate()
      return ok({ keyId, rewrappedRecords: rewrapped, sealedRecords: sealed, closedRecords: closed })
    }),
    retireMasterKey: unary(deps, async ({ keyId }) => mapOk(await encryption.retire(keyId), encryptionMessage)),
  }
}

/** A method that only the administrator's token opens. */
const unary =
  <Request, Response>(deps: AdminDoorDeps, run: (request: Request) => Promise<Result<Response, AwsError>>) =>
  (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const requestId = newRequestId()
    const answer = async (): Promise<Result<Response, AwsError>> => {
      if (!opens(call.metadata, deps.token))
        return err(awsError('AccessDeniedException', "The administrator's token is missing or wrong."))
      try {
        return await run(call.request)
      } catch (error) {
        deps.log.error({ err: error, requestId, method: call.getPath() }, 'an administrative call failed')
        return err(awsError('ServiceException', `The call failed half way: ${(error as Error).message}`))
      }
    }
    void answer().then((result) =>
      result.ok ? callback(null, result.value) : callback(grpcStatusOf(result.error, requestId)),
    )
  }

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

function opens(metadata: Metadata, token: string): boolean {
  const given = metadata.get('authorization')
  return given.length === 1 && timingSafeEqual(digest(String(given[0])), digest(`Bearer ${token}`))
}

const mapOk = <A, B>(result: Result<A, AwsError>, map: (value: A) => B): Result<B, AwsError> =>
  result.ok ? ok(map(result.value)) : result

const limitsOf = (message: LimitsMessage | undefined): AccountLimits => ({
  concurrency: message?.concurrency,
  requestsPerEnvironment: message?.requestsPerEnvironment,
  storageBytes: bytes(message?.storageBytes),
  codeStorageBytes: bytes(message?.codeStorageBytes),
  bucketStorageBytes: bytes(message?.bucketStorageBytes),
  isolation: message?.isolation,
})

/** What no number holds exactly no disk holds at all; the rule refuses it. */
const bytes = (value: bigint | undefined): number | undefined => (value === undefined ? undefined : Number(value))

const accountMessage = (account: Account, shares: AccountShares): AccountMessage => ({
  accountId: account.accountId,
  name: account.name,
  disabled: account.disabled === true,
  createdAt: account.createdAtMs === undefined ? undefined : new Date(account.createdAtMs),
  limits: {
    concurrency: account.concurrencyLimit,
    requestsPerEnvironment: account.requestsPerEnvironment ?? 0,
    storageBytes: BigInt(storageOf(account, shares)),
    codeStorageBytes: BigInt(account.codeStorageBytes ?? limits.codeStorageBytes),
    bucketStorageBytes: BigInt(account.bucketStorageBytes ?? 0),
    isolation: account.isolation,
  },
  accessKeys: account.accessKeys.map(({ accessKeyId, status }) => ({ accessKeyId, status })),
})

const encryptionMessage = (state: EncryptionState): GetEncryptionResponse => ({
  masterKeys: state.keys.map(({ id, createdAtMs, records }) => ({
    keyId: id,
    createdAt: new Date(createdAtMs),
    records,
  })),
  openRecords: state.openRecords,
  lostRecords: state.lostRecords,
})
