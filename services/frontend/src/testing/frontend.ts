import {
  accountId,
  type CodeSigningConfig,
  type FabricRecord,
  type FactSink,
  type HttpApiEntry,
  type InvokeCall,
  type InvokeOutcome,
  type Invoker,
  type LayerEntry,
  ok,
  type Result,
} from '@weft/contracts'
import type { EventAcceptor, NewEvent } from '@weft/delivery'
import { silentLogger, systemClock } from '@weft/platform'
import { MemoryIdentities } from '@weft/policy/testing'
import { MemoryCatalogue, MemoryCodeStore, MemoryCollection, MemoryStore } from '@weft/registry/testing'
import { ZipFile } from 'yazl'
import { type FrontendConfig, frontendDefaults } from '../config.ts'
import { type HttpApiDirectory, HttpApiIndex } from '../http-api/directory.ts'
import { type FrontendDeps, type FrontendService, startFrontend } from '../service.ts'

export const account = accountId('123456789012')
export const otherAccount = accountId('210987654321')
export const role = `arn:aws:iam::${account}:role/lambda`
/** The role that every account is born with. */
export const fullAccessRole = `arn:aws:iam::${account}:role/weft-full-access`
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}
export const keys: Keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey }
export const otherKeys: Keys = { accessKeyId: 'AKIDOTHER', secretAccessKey: `${secretAccessKey}2` }

/** An answer that echoes what came in. */
export const echo = (call: InvokeCall): InvokeOutcome => ({
  kind: 'succeeded',
  payload: call.payload,
  executedVersion: '$LATEST',
  errorType: '',
  logTail: 'START\nEND\n',
  durationMs: 1,
  initDurationMs: 0,
})

class FakeInvoker implements Invoker {
  readonly calls: InvokeCall[] = []
  readonly signals: (AbortSignal | undefined)[] = []
  answer: (call: InvokeCall) => InvokeOutcome | Promise<InvokeOutcome> = echo

  async invoke(call: InvokeCall, signal?: AbortSignal): Promise<InvokeOutcome> {
    this.calls.push(call)
    this.signals.push(signal)
    return this.answer(call)
  }
}

class FakeEvents implements EventAcceptor {
  readonly events: NewEvent[] = []
  answer: Result<{ readonly duplicate: boolean }, 'store-full' | 'unavailable'> = ok({ duplicate: false })

  accept(event: NewEvent): Promise<typeof this.answer> {
    this.events.push(event)
    return Promise.resolve(this.answer)
  }
}

class FakeFacts implements FactSink {
  readonly records: FabricRecord[] = []
  record(record: FabricRecord): void {
    this.records.push(record)
  }
  log(): void {}
  flush(): Promise<void> {
    return Promise.resolve()
  }
}

class MemoryHttpApis implements HttpApiDirectory {
  readonly index = new HttpApiIndex()
  readonly store: MemoryStore<HttpApiEntry> = new MemoryStore<HttpApiEntry>((key, removed) =>
    this.index.put(key, removed ? undefined : this.store.entries.get(key)?.value),
  )
}

export interface TestParts {
  readonly catalogue: MemoryCatalogue
  readonly code: MemoryCodeStore
  readonly layers: MemoryCollection<LayerEntry>
  readonly httpApis: MemoryHttpApis
  readonly codeSigning: MemoryCollection<CodeSigningConfig>
  readonly identities: MemoryIdentities
  readonly invoker: FakeInvoker
  readonly events: FakeEvents
  readonly facts: FakeFacts
}

export interface TestFrontend extends TestParts, AsyncDisposable {
  readonly service: FrontendService
  readonly endpoint: string
}

/** A frontend on a port of its own, over stores in memory, with two accounts. `change` may put something around them. */
export async function startTestFrontend(
  change: Partial<FrontendDeps> | ((parts: TestParts) => Partial<FrontendDeps>) = {},
  config: FrontendConfig = frontendDefaults,
): Promise<TestFrontend> {
  const catalogue = new MemoryCatalogue()
  const put = (id: typeof account, name: string, key: Keys): void => {
    const accessKeys = [{ ...key, status: 'Active' as const }]
    catalogue.accountStore.put(id, { accountId: id, name, concurrencyLimit: 1_000, accessKeys })
  }
  put(account, 'one', keys)
  put(otherAccount, 'two', otherKeys)
  const parts: TestParts = {
    catalogue,
    code: new MemoryCodeStore(),
    layers: new MemoryCollection<LayerEntry>(),
    httpApis: new MemoryHttpApis(),
    codeSigning: new MemoryCollection<CodeSigningConfig>(),
    identities: new MemoryIdentities(),
    invoker: new FakeInvoker(),
    events: new FakeEvents(),
    facts: new FakeFacts(),
  }
  const service = await startFrontend(config, {
    ...parts,
    stores: catalogue.stores,
    clock: systemClock,
    log: silentLogger,
    clusterSecret: 'cluster secret',
    runtimes: () => ['nodejs24.x', 'python3.13'],
    architectures: () => ['x86_64'],
    ...(typeof change === 'function' ? change(parts) : change),
  })
  return {
    ...parts,
    service,
    endpoint: `http://127.0.0.1:${service.httpPort}`,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  }
}

export interface TestFile {
  readonly name: string
  readonly content: string | Buffer
}

export const handlerFile: TestFile = { name: 'index.mjs', content: 'export const handler = async (e) => e\n' }

export async function zipOf(files: readonly TestFile[] = [handlerFile]): Promise<Buffer> {
  const zip = new ZipFile()
  for (const file of files) zip.addBuffer(Buffer.from(file.content), file.name)
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
