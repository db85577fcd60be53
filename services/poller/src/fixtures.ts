import {
  type Account,
  type AccountId,
  type Alias,
  accountId,
  type EventSourceMapping,
  err,
  type FunctionName,
  type FunctionRecord,
  type FunctionVersion,
  functionName,
  type InvokeCall,
  type InvokeOutcome,
  type Invoker,
  ok,
  streamArn,
} from '@weft/contracts'
import type { Catalogue, CatalogueChange, ResolveCatalogue, Store, Stored } from '@weft/registry'
import { keyOf } from './tend-mapping.ts'

export const account = accountId('000000000000')
export const region = 'us-east-1'

export const record = (name: string): FunctionRecord => ({
  accountId: account,
  functionName: functionName(name),
  functionArn: `arn:aws:lambda:${region}:${account}:function:${name}`,
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
    code: { digest: '0'.repeat(64), sha256: '', sizeBytes: 1 },
    revisionId: 'r',
    lastModifiedMs: 0,
    state: 'Active',
    lastUpdateStatus: 'Successful',
  },
})

export const mappingOf = (change: Partial<EventSourceMapping> = {}): EventSourceMapping => ({
  uuid: '00000000-0000-4000-8000-000000000001',
  accountId: account,
  functionName: functionName('f'),
  functionArn: `arn:aws:lambda:${region}:${account}:function:f`,
  eventSourceArn: streamArn(region, account, 'ORDERS'),
  enabled: true,
  batchSize: 10,
  maximumBatchingWindowMs: 0,
  startingPosition: 'TRIM_HORIZON',
  maximumRetryAttempts: -1,
  maximumRecordAgeSeconds: -1,
  bisectBatchOnFunctionError: false,
  reportBatchItemFailures: false,
  filterSubjects: [],
  state: 'Creating',
  stateTransitionReason: 'USER_INITIATED',
  lastProcessingResult: 'No records processed',
  lastModifiedMs: 0,
  ...change,
})

/** Functions and mappings in memory: the catalogue and the mappings' store at once. */
export class TestCatalogue
  implements
    ResolveCatalogue,
    Pick<Catalogue, 'account' | 'mapping' | 'mappings' | 'onChange'>,
    Store<EventSourceMapping>
{
  readonly #functions = new Map<string, FunctionRecord>()
  readonly versions = new Map<string, FunctionVersion>()
  readonly aliases = new Map<string, Alias>()
  readonly #mappings = new Map<string, Stored<EventSourceMapping>>()
  readonly #listeners = new Set<(change: CatalogueChange) => void>()
  #revision = 0

  constructor(...names: string[]) {
    for (const name of names) this.#functions.set(name, record(name))
  }

  addFunction(name: string): void {
    this.#functions.set(name, record(name))
  }

  put(value: EventSourceMapping): void {
    this.#write(keyOf(value), value)
  }

  function(_: AccountId, name: FunctionName): FunctionRecord | undefined {
    return this.#functions.get(name)
  }

  version(_: AccountId, name: FunctionName, version: string): FunctionVersion | undefined {
    return this.versions.get(`${name}.${version}`)
  }

  alias(_: AccountId, name: FunctionName, alias: string): Alias | undefined {
    return this.aliases.get(`${name}.${alias}`)
  }

  account(id: AccountId): Account {
    return { accountId: id, name: '', concurrencyLimit: 1_000, accessKeys: [] }
  }

  mapping(owner: AccountId, uuid: string): EventSourceMapping | undefined {
    return this.#mappings.get(`${owner}.${uuid}`)?.value
  }

  mappings(): readonly EventSourceMapping[] {
    return [...this.#mappings.values()].map((stored) => stored.value)
  }

  onChange(listener: (change: CatalogueChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async read(key: string): Promise<Stored<EventSourceMapping> | undefined> {
    return this.#mappings.get(key)
  }

  async create(key: string, value: EventSourceMapping) {
    return this.#mappings.has(key) ? err('exists' as const) : ok(this.#write(key, value))
  }

  async replace(key: string, value: EventSourceMapping, revision: number) {
    return this.#mappings.get(key)?.revision === revision ? ok(this.#write(key, value)) : err('conflict' as const)
  }

  async remove(key: string, revision: number) {
    if (this.#mappings.get(key)?.revision !== revision) return err('conflict' as const)
    this.#mappings.delete(key)
    this.#tell(key, true)
    return ok(undefined)
  }

  #write(key: string, value: EventSourceMapping): Stored<EventSourceMapping> {
    const stored = { value, revision: ++this.#revision }
    this.#mappings.set(key, stored)
    this.#tell(key, false)
    return stored
  }

  #tell(key: string, removed: boolean): void {
    for (const listener of [...this.#listeners]) listener({ kind: 'mapping', key, removed })
  }
}

export const answered = (payload: string, kind: 'succeeded' | 'function-error' = 'succeeded'): InvokeOutcome => ({
  kind,
  payload: new TextEncoder().encode(payload),
  executedVersion: '$LATEST',
  errorType: kind === 'succeeded' ? '' : 'Error',
  logTail: '',
  durationMs: 1,
  initDurationMs: 0,
})
export const success = answered('null')
export const functionError = answered('{"errorMessage":"broken"}', 'function-error')
export const throttled: InvokeOutcome = {
  kind: 'throttled',
  reason: 'ConcurrentInvocationLimitExceeded',
  retryAfterSeconds: 1,
}

/** What tests look at of a record. */
export interface SeenRecord {
  readonly eventID?: string
  readonly eventName?: string
  readonly messageId?: string
  readonly receiptHandle?: string
  readonly body?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly jetstream?: { readonly sequenceNumber: string; readonly subject: string; readonly data: string }
  readonly dynamodb?: Readonly<Record<string, unknown>>
  readonly kinesis?: { readonly data: string; readonly partitionKey: string }
  readonly mqtt?: { readonly topic: string; readonly data: string; readonly duplicate: boolean }
  readonly redis?: { readonly fields: Readonly<Record<string, string>> }
}

/** Keeps its calls, decoded, and answers what it is told. */
export class TestInvoker implements Invoker {
  readonly batches: {
    readonly call: InvokeCall
    readonly records: readonly SeenRecord[]
    readonly event: Readonly<Record<string, unknown>>
  }[] = []
  running = 0
  most = 0
  answer: (
    sequences: readonly number[],
    event: Readonly<Record<string, unknown>>,
  ) => InvokeOutcome | Promise<InvokeOutcome> = () => success

  async invoke(call: InvokeCall): Promise<InvokeOutcome> {
    const event = JSON.parse(new TextDecoder().decode(call.payload)) as { Records?: SeenRecord[] }
    const records = event.Records ?? []
    this.batches.push({ call, records, event })
    this.most = Math.max(this.most, ++this.running)
    try {
      return await this.answer(records.map(sequenceOf), event)
    } finally {
      this.running--
    }
  }

  /** Sequence numbers of each run. */
  runs(): number[][] {
    return this.batches.map(({ records }) => records.map(sequenceOf))
  }
}

/** Place in the stream; of a queue's record the number in its receipt handle. */
function sequenceOf(record: SeenRecord): number {
  return Number(
    record.jetstream?.sequenceNumber ?? record.dynamodb?.SequenceNumber ?? record.receiptHandle?.split(':')[1],
  )
}
