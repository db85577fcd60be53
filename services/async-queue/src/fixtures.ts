import {
  type Account,
  type AccountId,
  type Alias,
  accountId,
  type FunctionName,
  type FunctionRecord,
  type FunctionVersion,
  functionName,
  type InvokeCall,
  type InvokeOutcome,
  type Invoker,
} from '@weft/contracts'
import type { Catalogue, CatalogueChange, ResolveCatalogue } from '@weft/registry'

export const account = accountId('000000000000')
export const region = 'us-east-1'

export function functionRecord(name: string, change: Partial<FunctionRecord> = {}, owner = account): FunctionRecord {
  const code = { digest: '0'.repeat(64), sha256: '', sizeBytes: 1 }
  return {
    accountId: owner,
    functionName: functionName(name),
    functionArn: `arn:aws:lambda:${region}:${owner}:function:${name}`,
    createdAtMs: 0,
    tags: {},
    latest: {
      version: '$LATEST',
      description: '',
      runtime: 'nodejs24.x',
      handler: 'index.handler',
      role: 'arn:aws:iam::000000000000:role/x',
      timeoutMs: 3_000,
      memoryMb: 128,
      ephemeralStorageMb: 512,
      environment: {},
      architecture: 'x86_64',
      logFormat: 'Text',
      logGroup: `/aws/lambda/${name}`,
      tracingMode: 'PassThrough',
      packageType: 'Zip',
      code,
      revisionId: 'r',
      lastModifiedMs: 0,
      state: 'Active',
      lastUpdateStatus: 'Successful',
    },
    ...change,
  }
}

/** A catalogue in memory; `set` and `remove` tell the listeners. */
export class TestCatalogue implements ResolveCatalogue, Pick<Catalogue, 'accounts' | 'onChange'> {
  readonly #functions = new Map<string, FunctionRecord>()
  readonly versions = new Map<string, FunctionVersion>()
  readonly aliases = new Map<string, Alias>()
  readonly #accounts = new Map<AccountId, Account>()
  readonly #listeners = new Set<(change: CatalogueChange) => void>()

  constructor(...names: string[]) {
    this.addAccount(account)
    for (const name of names) this.set(functionRecord(name))
  }

  addAccount(id: AccountId): void {
    this.#accounts.set(id, { accountId: id, name: id, concurrencyLimit: 1_000, accessKeys: [] })
    for (const tell of this.#listeners) tell({ kind: 'account', key: id, removed: false })
  }

  set(record: FunctionRecord): void {
    this.#functions.set(`${record.accountId}.${record.functionName}`, record)
  }

  remove(name: string): void {
    this.#functions.delete(`${account}.${name}`)
  }

  function(owner: AccountId, name: FunctionName): FunctionRecord | undefined {
    return this.#functions.get(`${owner}.${name}`)
  }

  version(owner: AccountId, name: FunctionName, version: string): FunctionVersion | undefined {
    return this.versions.get(`${owner}.${name}.${version}`)
  }

  alias(owner: AccountId, name: FunctionName, alias: string): Alias | undefined {
    return this.aliases.get(`${owner}.${name}.${alias}`)
  }

  accounts(): readonly Account[] {
    return [...this.#accounts.values()]
  }

  onChange(listener: (change: CatalogueChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export const success: InvokeOutcome = {
  kind: 'succeeded',
  payload: new TextEncoder().encode('null'),
  executedVersion: '$LATEST',
  errorType: '',
  logTail: '',
  durationMs: 1,
  initDurationMs: 0,
}
export const functionError: InvokeOutcome = {
  ...success,
  kind: 'function-error',
  errorType: 'Error',
  payload: new TextEncoder().encode('{"errorMessage":"broken","errorType":"Error"}'),
}
export const throttled: InvokeOutcome = {
  kind: 'throttled',
  reason: 'ConcurrentInvocationLimitExceeded',
  retryAfterSeconds: 1,
}

/** Keeps its calls and answers what it is told. */
export class TestInvoker implements Invoker {
  readonly calls: InvokeCall[] = []
  answer: (call: InvokeCall) => InvokeOutcome | Promise<InvokeOutcome> = () => success

  async invoke(call: InvokeCall): Promise<InvokeOutcome> {
    this.calls.push(call)
    return this.answer(call)
  }
}
