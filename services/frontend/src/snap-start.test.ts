import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { functionName, type SnapStartEntry, snapStartKey } from '@weft/contracts'
import { MemoryCollection } from '@weft/registry/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account, echo, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

const entries = new MemoryCollection<SnapStartEntry>()
const FunctionName = 'f'
const key = snapStartKey(account, functionName('f'), '1')
let frontend: TestFrontend
let client: LambdaClient
let zip: Buffer

beforeAll(async () => {
  zip = await zipOf()
  frontend = await startTestFrontend({ snapStarts: entries, provisionedStates: { status: async () => undefined } })
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(async () => {
  const { functionStore, versionStore } = frontend.catalogue
  for (const store of [functionStore, versionStore, entries.store]) store.entries.clear()
  frontend.invoker.answer = echo
  await client.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Role: role, Handler: 'index.handler', Code: { ZipFile: zip } },
      SnapStart: { ApplyOn: 'PublishedVersions' },
    }),
  )
  await client.send(new PublishVersionCommand({ FunctionName }))
})

/** What placement has told of version 1. */
const told = (more: Partial<SnapStartEntry>): void => {
  const version = frontend.catalogue.version(account, functionName('f'), '1')
  entries.store.put(key, {
    ...{ accountId: account, functionName: functionName('f'), version: '1', revisionId: version?.revisionId ?? '' },
    ...{ state: 'Active', sinceMs: 1, lastUsedMs: 1, epoch: 1 },
    ...more,
  })
}
const configuration = () => client.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier: '1' }))
const call = (Qualifier = '1') =>
  client.send(new InvokeCommand({ FunctionName, Qualifier, Payload: Buffer.from('{}') }))
const woken = () => frontend.catalogue.function(account, functionName('f'))?.wokenSnapStarts

describe('a version with SnapStart', () => {
  it('is Pending until placement has told that it is initialised', async () => {
    expect(await configuration()).toMatchObject({
      ...{ State: 'Pending', StateReasonCode: 'Creating' },
      SnapStart: { ApplyOn: 'PublishedVersions', OptimizationStatus: 'On' },
    })
    await expect(call()).rejects.toMatchObject({
      ...{ name: 'ResourceConflictException', $metadata: { httpStatusCode: 409 } },
    })
    expect((await call('$LATEST')).StatusCode).toBe(200)
    told({})
    expect(await configuration()).toMatchObject({ State: 'Active' })
    expect((await call()).StatusCode).toBe(200)
  })

  it('that is Inactive is woken by a call, which is told to come again', async () => {
    told({ state: 'Inactive', sinceMs: 5 })
    expect(await configuration()).toMatchObject({ State: 'Inactive', StateReasonCode: 'Idle' })
    const notReady = { name: 'SnapStartNotReadyException', $metadata: { httpStatusCode: 409 } }
    await expect(call()).rejects.toMatchObject(notReady)
    expect(woken()?.['1']).toBeGreaterThan(5)
    const before = woken()
    await expect(call()).rejects.toMatchObject(notReady)
    expect(woken()).toEqual(before)
    told({ state: 'Pending', restoring: true, sinceMs: 6 })
    expect(await configuration()).toMatchObject({ State: 'Pending', StateReasonCode: 'Restoring' })
    await expect(call()).rejects.toMatchObject(notReady)
    told({})
    expect((await call()).StatusCode).toBe(200)
  })

  it('that could not be initialised is Failed, with the reason', async () => {
    told({ state: 'Failed', failure: 'Runtime.ImportModuleError' })
    expect(await configuration()).toMatchObject({
      ...{ State: 'Failed', StateReasonCode: 'FunctionError.RuntimeInitError' },
    })
    await expect(call()).rejects.toMatchObject({ message: expect.stringContaining('state: Failed') })
  })

  it.each([
    ['SnapStartException', 400],
    ['SnapStartTimeoutException', 408],
  ] as const)('whose environment could not be restored is answered with %s', async (name, httpStatusCode) => {
    told({})
    frontend.invoker.answer = () => ({
      ...{ kind: 'function-error', payload: Buffer.from('{}'), executedVersion: '1', errorType: name, logTail: '' },
      ...{ durationMs: 0, initDurationMs: 0, restoreFailed: name },
    })
    await expect(call()).rejects.toMatchObject({ name, $metadata: { httpStatusCode } })
  })

  it('keeps what it was published with, and takes no provisioned concurrency', async () => {
    told({})
    const changed = await client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, SnapStart: { ApplyOn: 'None' } }),
    )
    expect(changed.SnapStart).toEqual({ ApplyOn: 'None', OptimizationStatus: 'Off' })
    expect((await configuration()).SnapStart).toEqual({ ApplyOn: 'PublishedVersions', OptimizationStatus: 'On' })
    const { Versions = [] } = await client.send(new ListVersionsByFunctionCommand({ FunctionName }))
    expect(Versions.map(({ SnapStart }) => SnapStart?.OptimizationStatus)).toEqual(['Off', 'On'])
    const provision = new PutProvisionedConcurrencyConfigCommand({
      ...{ FunctionName, Qualifier: '1', ProvisionedConcurrentExecutions: 1 },
    })
    await expect(client.send(provision)).rejects.toMatchObject({
      message: 'Provisioned Concurrency is not supported for SnapStart enabled functions.',
    })
  })

  it('cannot have a larger /tmp', async () => {
    const larger = new UpdateFunctionConfigurationCommand({ FunctionName, EphemeralStorage: { Size: 1024 } })
    await expect(client.send(larger)).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
  })
})
