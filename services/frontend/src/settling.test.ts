import {
  CreateFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/frontend.ts'

let frontend: TestFrontend
let client: LambdaClient
/** The revision up to which every frontend knows of changes. */
let seen: number
beforeEach(async () => {
  seen = Number.POSITIVE_INFINITY
  frontend = await startTestFrontend({ seenByAll: (revision) => revision <= seen })
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
})
afterEach(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})

const create = async () =>
  client.send(
    new CreateFunctionCommand({
      FunctionName: 'f',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: role,
      Code: { ZipFile: await zipOf() },
    }),
  )
const state = async (Qualifier?: string) => {
  const found = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'f', Qualifier }))
  return [found.State, found.LastUpdateStatus]
}

describe('a function', () => {
  it('is pending until every frontend knows of it', async () => {
    seen = 0
    await create()
    expect(await state()).toEqual(['Pending', undefined])
    expect((await client.send(new GetFunctionCommand({ FunctionName: 'f' }))).Configuration?.State).toBe('Pending')
    seen = Number.POSITIVE_INFINITY
    expect(await state()).toEqual(['Active', 'Successful'])
  })

  it('has an update in progress until every frontend knows of it, and runs meanwhile', async () => {
    await create()
    seen = 0
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Timeout: 9 }))
    expect(await state()).toEqual(['Active', 'InProgress'])
    expect((await client.send(new InvokeCommand({ FunctionName: 'f' }))).StatusCode).toBe(200)
    seen = Number.POSITIVE_INFINITY
    expect(await state()).toEqual(['Active', 'Successful'])
  })

  it('has versions that are pending until every frontend knows of them', async () => {
    await create()
    await client.send(new PublishVersionCommand({ FunctionName: 'f' }))
    seen = 0
    expect(await state('1')).toEqual(['Pending', undefined])
    seen = Number.POSITIVE_INFINITY
    expect(await state('1')).toEqual(['Active', 'Successful'])
  })
})

describe('a call', () => {
  it('of a function that is known reads no store', async () => {
    await create()
    await client.send(new PublishVersionCommand({ FunctionName: 'f' }))
    let reads = 0
    const { functionStore, versionStore, aliasStore, numberingStore, accountStore } = frontend.catalogue
    for (const store of [functionStore, versionStore, aliasStore, numberingStore, accountStore]) {
      const read = store.read.bind(store)
      store.read = (key: string) => {
        reads++
        return read(key) as never
      }
    }
    for (const Qualifier of [undefined, '1', '$LATEST'])
      for (const InvocationType of ['RequestResponse', 'Event', 'DryRun'] as const)
        await client.send(new InvokeCommand({ FunctionName: 'f', Qualifier, InvocationType }))
    expect(reads).toBe(0)
  })
})
