import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetAccountSettingsCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  InvokeCommand,
  LambdaClient,
  ListAliasesCommand,
  ListFunctionEventInvokeConfigsCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutFunctionEventInvokeConfigCommand,
  paginateListVersionsByFunction,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { catalogueKeys, functionName } from '@weft/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { account, echo, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
let zip: Buffer
let otherZip: Buffer
let drawn = 0

beforeAll(async () => {
  frontend = await startTestFrontend({ random: () => drawn })
  client = new LambdaClient({
    endpoint: frontend.endpoint,
    region: 'us-east-1',
    credentials: keys,
    maxAttempts: 1,
  })
  zip = await zipOf()
  otherZip = await zipOf([{ name: 'index.mjs', content: 'export const handler = () => 2\n' }])
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(() => {
  const { functionStore, versionStore, aliasStore, numberingStore } = frontend.catalogue
  for (const store of [functionStore, versionStore, aliasStore, numberingStore]) {
    store.entries.clear()
    store.beforeWrite = () => Promise.resolve()
  }
  frontend.invoker.calls.length = 0
  frontend.invoker.answer = (call) => ({ ...echo(call), executedVersion: call.target.version.version })
  frontend.events.events.length = 0
  drawn = 0
})

const FunctionName = 'f'
const arn = `arn:aws:lambda:us-east-1:${account}:function:f`
const create = (extra: object = {}) =>
  client.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Role: role,
      Handler: 'index.handler',
      Code: { ZipFile: zip },
      ...extra,
    }),
  )
const configure = (change: object) => client.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...change }))
const publish = (extra: object = {}) => client.send(new PublishVersionCommand({ FunctionName, ...extra }))
const versionsNow = async () =>
  (await client.send(new ListVersionsByFunctionCommand({ FunctionName }))).Versions?.map((one) => one.Version)
/** Versions 1, 2 and 3, told apart by their timeouts: 1, 2 and 3 seconds. */
async function threeVersions(): Promise<void> {
  await create({ Timeout: 1, Publish: true })
  for (const Timeout of [2, 3]) {
    await configure({ Timeout })
    await publish()
  }
}
const refusalOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e as { name: string; message: string; $metadata: { httpStatusCode: number } },
  )
  return error && { name: error.name, status: error.$metadata.httpStatusCode, message: error.message }
}

describe('versions, through the AWS SDK', () => {
  it('publishes what $LATEST is, once per change', async () => {
    await create({ Description: 'first' })
    const one = await publish({ Description: 'released' })
    expect(one).toMatchObject({
      $metadata: { httpStatusCode: 201 },
      FunctionArn: `${arn}:1`,
      Version: '1',
      Description: 'released',
      State: 'Active',
      Timeout: 3,
    })
    await waitUntilPublishedVersionActive({ client, maxWaitTime: 10 }, { FunctionName, Qualifier: '1' })
    const again = await publish({ Description: 'not looked at' })
    expect(again).toMatchObject({ Version: '1', Description: 'released', RevisionId: one.RevisionId })
    await configure({ Timeout: 9 })
    expect(await publish()).toMatchObject({ Version: '2', Timeout: 9, Description: 'first' })
    const kept = await client.send(new GetFunctionConfigurationCommand({ FunctionName: `${arn}:1` }))
    expect(kept).toMatchObject({ Timeout: 3, FunctionArn: `${arn}:1`, RevisionId: one.RevisionId })
    const latest = await client.send(new GetFunctionCommand({ FunctionName }))
    expect(latest.Configuration).toMatchObject({ Version: '$LATEST', Timeout: 9, FunctionArn: arn })
  })

  it('checks the code and the revision that are to be published', async () => {
    const { CodeSha256, RevisionId } = await create()
    expect(await refusalOf(publish({ CodeSha256: 'other' }))).toEqual({
      name: 'InvalidParameterValueException',
      status: 400,
      message: `CodeSHA256 (other) is different from current CodeSHA256 in $LATEST (${CodeSha256}). Please try again with the CodeSHA256 in $LATEST.`,
    })
    expect(await refusalOf(publish({ RevisionId: 'stale' }))).toMatchObject({
      name: 'PreconditionFailedException',
      status: 412,
    })
    expect(await publish({ CodeSha256, RevisionId })).toMatchObject({ Version: '1' })
    expect(await refusalOf(client.send(new PublishVersionCommand({ FunctionName: 'gone' })))).toMatchObject({
      name: 'ResourceNotFoundException',
      message: `Function not found: ${arn.slice(0, -1)}gone`,
    })
  })

  it('publishes with a creation and with new code', async () => {
    const created = await create({ Publish: true })
    expect(created).toMatchObject({ Version: '1', FunctionArn: arn, State: 'Pending' })
    const same = await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip, Publish: true }))
    expect(same).toMatchObject({ Version: '1', FunctionArn: `${arn}:1` })
    const updated = await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: otherZip, Publish: true }))
    expect(updated).toMatchObject({ Version: '2', FunctionArn: `${arn}:2`, CodeSize: otherZip.byteLength })
    const one = await client.send(new GetFunctionCommand({ FunctionName, Qualifier: '1' }))
    const fetched = await fetch(one.Code?.Location as string)
    expect(Buffer.from(await fetched.arrayBuffer())).toEqual(zip)
    const { AccountUsage } = await client.send(new GetAccountSettingsCommand({}))
    expect(AccountUsage).toEqual({ FunctionCount: 1, TotalCodeSize: zip.byteLength + 2 * otherZip.byteLength })
  })

  it('lists $LATEST first and then by number, in pages', async () => {
    await create({ Timeout: 1 })
    for (let Timeout = 1; Timeout <= 11; Timeout++) {
      await configure({ Timeout })
      await publish()
    }
    const numbers: (string | undefined)[] = []
    for await (const page of paginateListVersionsByFunction({ client, pageSize: 5 }, { FunctionName }))
      numbers.push(...(page.Versions ?? []).map((one) => one.Version))
    expect(numbers).toEqual(['$LATEST', ...Array.from({ length: 11 }, (_, i) => String(i + 1))])
    const all = await client.send(new ListFunctionsCommand({ FunctionVersion: 'ALL', MaxItems: 3 }))
    expect(all.Functions?.map((one) => one.FunctionArn)).toEqual([`${arn}:$LATEST`, `${arn}:1`, `${arn}:2`])
    const rest = await client.send(
      new ListFunctionsCommand({ FunctionVersion: 'ALL', Marker: all.NextMarker as string }),
    )
    expect(rest.Functions?.map((one) => one.Version)).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11'])
    expect((await client.send(new ListFunctionsCommand({}))).Functions).toHaveLength(1)
  })

  it('deletes a version that no alias uses, and never gives its number again', async () => {
    await threeVersions()
    const remove = (Qualifier?: string) => client.send(new DeleteFunctionCommand({ FunctionName, Qualifier }))
    await client.send(
      new CreateAliasCommand({
        FunctionName,
        Name: 'live',
        FunctionVersion: '1',
        RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } },
      }),
    )
    for (const used of ['1', '2'])
      expect(await refusalOf(remove(used))).toEqual({
        name: 'ResourceConflictException',
        status: 409,
        message: 'Unable to delete version because the following aliases reference it: [live]',
      })
    expect(await refusalOf(remove('live'))).toMatchObject({
      name: 'InvalidParameterValueException',
      message: 'Deletion of aliases is not currently supported.',
    })
    expect(await refusalOf(remove('$LATEST'))).toMatchObject({
      message: '$LATEST version cannot be deleted without deleting the function.',
    })
    await remove('99')
    await remove('3')
    expect(await versionsNow()).toEqual(['$LATEST', '1', '2'])
    expect(await refusalOf(client.send(new GetFunctionCommand({ FunctionName, Qualifier: '3' })))).toMatchObject({
      name: 'ResourceNotFoundException',
      message: `Function not found: ${arn}:3`,
    })
    // The same code and settings as version 3, which is gone.
    expect(await publish()).toMatchObject({ Version: '4' })

    await remove()
    expect(frontend.catalogue.versionStore.entries.size).toBe(0)
    expect(frontend.catalogue.aliasStore.entries.size).toBe(0)
    await create({ Publish: true })
    expect(await versionsNow()).toEqual(['$LATEST', '5'])
    await remove()
    await create()
    expect(await publish()).toMatchObject({ Version: '6' })
  })

  it('publishes only what the update brought when another update comes between', async () => {
    await create()
    const { functionStore } = frontend.catalogue
    const key = catalogueKeys.function(account, functionName('f'))
    let writes = 0
    functionStore.beforeWrite = () => {
      // The second write is the publication's.
      if (++writes === 2) {
        const stored = functionStore.entries.get(key)
        if (stored) {
          functionStore.put(key, { ...stored.value, latest: { ...stored.value.latest, revisionId: 'of another' } })
        }
      }
      return Promise.resolve()
    }
    const update = new UpdateFunctionCodeCommand({ FunctionName, ZipFile: otherZip, Publish: true })
    expect(await refusalOf(client.send(update))).toMatchObject({ name: 'ResourceConflictException', status: 409 })
    expect(frontend.catalogue.versionStore.entries.size).toBe(0)
  })

  it('leaves no version of a function that is deleted while it publishes', async () => {
    await create()
    const { functionStore, versionStore } = frontend.catalogue
    versionStore.beforeWrite = () => {
      functionStore.entries.clear()
      return Promise.resolve()
    }
    expect(await refusalOf(publish())).toMatchObject({ name: 'ResourceNotFoundException' })
    expect(versionStore.entries.size).toBe(0)
  })

  it('does not see what a deleted function of the same name left behind', async () => {
    await threeVersions()
    const { functionStore, numberingStore } = frontend.catalogue
    functionStore.entries.clear()
    numberingStore.put(catalogueKeys.numbering(account, functionName('f')), { lastVersion: 3 })
    await create()
    expect(await versionsNow()).toEqual(['$LATEST'])
    expect(await refusalOf(client.send(new InvokeCommand({ FunctionName: 'f:1' })))).toMatchObject({
      name: 'ResourceNotFoundException',
    })
    expect(await publish()).toMatchObject({ Version: '4' })
    await client.send(new DeleteFunctionCommand({ FunctionName }))
    expect(frontend.catalogue.versionStore.entries.size).toBe(0)
  })
})

describe('aliases, through the AWS SDK', () => {
  const alias = (extra: object = {}) =>
    client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1', ...extra }))
  const get = (Name = 'live') => client.send(new GetAliasCommand({ FunctionName, Name }))
  const update = (change: object) => client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', ...change }))
  const split = { RoutingConfig: { AdditionalVersionWeights: { 2: 0.25 } } }

  it('creates, shows, changes, lists and deletes', async () => {
    await threeVersions()
    const made = await alias({ Description: 'the one', ...split })
    expect(made).toMatchObject({
      $metadata: { httpStatusCode: 201 },
      AliasArn: `${arn}:live`,
      Name: 'live',
      FunctionVersion: '1',
      Description: 'the one',
      ...split,
    })
    const { $metadata: _, ...shown } = await get()
    const { $metadata: __, ...expected } = made
    expect(shown).toEqual(expected)
    expect(await refusalOf(alias())).toEqual({
      name: 'ResourceConflictException',
      status: 409,
      message: `Alias already exists: ${arn}:live`,
    })
    const changed = await update({ FunctionVersion: '3', RevisionId: made.RevisionId })
    expect(changed).toMatchObject({ FunctionVersion: '3', Description: 'the one', ...split })
    expect(changed.RevisionId).not.toBe(made.RevisionId)
    expect(await refusalOf(update({ RevisionId: made.RevisionId }))).toEqual({
      name: 'PreconditionFailedException',
      status: 412,
      message:
        'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    })
    expect((await update({ RoutingConfig: { AdditionalVersionWeights: {} } })).RoutingConfig).toBeUndefined()

    await alias({ Name: 'beta', FunctionVersion: '3' })
    await alias({ Name: 'tip', FunctionVersion: '$LATEST' })
    const names = async (input: object = {}) => {
      const listed = await client.send(new ListAliasesCommand({ FunctionName, ...input }))
      return { names: listed.Aliases?.map((one) => one.Name), marker: listed.NextMarker }
    }
    expect(await names()).toEqual({ names: ['beta', 'live', 'tip'], marker: undefined })
    expect(await names({ FunctionVersion: '3' })).toMatchObject({ names: ['beta', 'live'] })
    expect(await names({ FunctionVersion: '$LATEST' })).toMatchObject({ names: ['tip'] })
    const { marker } = await names({ MaxItems: 2 })
    expect(await names({ Marker: marker })).toMatchObject({ names: ['tip'] })

    const removal = new DeleteAliasCommand({ FunctionName, Name: 'live' })
    expect(await client.send(removal)).toMatchObject({ $metadata: { httpStatusCode: 204 } })
    expect(await client.send(removal)).toMatchObject({ $metadata: { httpStatusCode: 204 } })
    expect(await refusalOf(get())).toEqual({
      name: 'ResourceNotFoundException',
      status: 404,
      message: `Cannot find alias arn: ${arn}:live`,
    })
    expect(await alias({ FunctionVersion: '2' })).toMatchObject({ FunctionVersion: '2' })
  })

  it('leads calls to both versions by weight and tells which ran', async () => {
    await threeVersions()
    await alias(split)
    const call = async (at: number, input: object) => {
      drawn = at
      const answer = await client.send(new InvokeCommand({ FunctionName, ...input }))
      const { target } = frontend.invoker.calls.at(-1) as (typeof frontend.invoker.calls)[number]
      return [answer.ExecutedVersion, target.version.timeoutMs, target.invokedArn]
    }
    expect(await call(0.24, { Qualifier: 'live' })).toEqual(['2', 2_000, `${arn}:live`])
    expect(await call(0.25, { Qualifier: 'live' })).toEqual(['1', 1_000, `${arn}:live`])
    expect(await call(0.24, { FunctionName: 'f:live' })).toEqual(['2', 2_000, `${arn}:live`])
    expect(await call(0, { FunctionName: `${arn}:3` })).toEqual(['3', 3_000, `${arn}:3`])
    expect(await call(0, { FunctionName: `${account}:function:f`, Qualifier: '1' })).toEqual(['1', 1_000, `${arn}:1`])
    expect(await call(0, {})).toEqual(['$LATEST', 3_000, arn])
    expect(await call(0, { Qualifier: '$LATEST' })).toEqual(['$LATEST', 3_000, `${arn}:$LATEST`])
    expect(await refusalOf(client.send(new InvokeCommand({ FunctionName, Qualifier: 'gone' })))).toMatchObject({
      message: `Function not found: ${arn}:gone`,
    })
    // Management shows the first version, under the alias.
    drawn = 0
    const shown = await client.send(new GetFunctionCommand({ FunctionName, Qualifier: 'live' }))
    expect(shown.Configuration).toMatchObject({ FunctionArn: `${arn}:live`, Version: '1', Timeout: 1 })
  })

  it('keeps the qualifier of an event for the time when it runs', async () => {
    await threeVersions()
    await alias(split)
    await client.send(new InvokeCommand({ FunctionName: 'f:live', InvocationType: 'Event' }))
    expect(frontend.events.events).toMatchObject([{ functionName: 'f', qualifier: 'live' }])
  })

  it('has event settings of its own, which end with it', async () => {
    await threeVersions()
    await alias()
    const put = (Qualifier: string | undefined, MaximumRetryAttempts: number) =>
      client.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, Qualifier, MaximumRetryAttempts }))
    expect(await put('live', 1)).toMatchObject({ FunctionArn: `${arn}:live`, MaximumRetryAttempts: 1 })
    await put(undefined, 2)
    await put('3', 0)
    const listed = async () =>
      (await client.send(new ListFunctionEventInvokeConfigsCommand({ FunctionName }))).FunctionEventInvokeConfigs?.map(
        (one) => [one.FunctionArn, one.MaximumRetryAttempts],
      )
    expect(await listed()).toEqual([
      [`${arn}:$LATEST`, 2],
      [`${arn}:3`, 0],
      [`${arn}:live`, 1],
    ])
    const unset = client.send(new GetFunctionEventInvokeConfigCommand({ FunctionName, Qualifier: '1' }))
    expect(await refusalOf(unset)).toMatchObject({
      name: 'ResourceNotFoundException',
      message: `The function ${arn}:1 doesn't have an EventInvokeConfig`,
    })
    await client.send(new DeleteAliasCommand({ FunctionName, Name: 'live' }))
    await client.send(new DeleteFunctionCommand({ FunctionName, Qualifier: '3' }))
    await alias()
    expect(await listed()).toEqual([[`${arn}:$LATEST`, 2]])
  })

  it('is not left on a version that is deleted while it is made', async () => {
    await threeVersions()
    await alias()
    const { versionStore, aliasStore } = frontend.catalogue
    aliasStore.beforeWrite = () => {
      versionStore.entries.delete(catalogueKeys.version(account, functionName('f'), '3'))
      return Promise.resolve()
    }
    const gone = { name: 'ResourceNotFoundException', message: `Function not found: ${arn}:3` }
    expect(await refusalOf(alias({ Name: 'late', FunctionVersion: '3' }))).toMatchObject(gone)
    expect([...aliasStore.entries.values()].map((one) => one.value.name)).toEqual(['live'])
    await configure({ Timeout: 7 })
    await publish()
    aliasStore.beforeWrite = () => {
      versionStore.entries.delete(catalogueKeys.version(account, functionName('f'), '4'))
      return Promise.resolve()
    }
    expect(await refusalOf(update({ FunctionVersion: '4' }))).toMatchObject({ name: 'ResourceNotFoundException' })
    expect(await get()).toMatchObject({ FunctionVersion: '1' })
  })
})
