import { createHash } from 'node:crypto'
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionEventInvokeConfigCommand,
  GetAccountSettingsCommand,
  GetEventSourceMappingCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  GetFunctionEventInvokeConfigCommand,
  InvokeAsyncCommand,
  InvokeCommand,
  LambdaClient,
  ListCapacityProvidersCommand,
  ListEventSourceMappingsCommand,
  ListFunctionEventInvokeConfigsCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  ListVersionsByFunctionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  UpdateFunctionEventInvokeConfigCommand,
  waitUntilFunctionActiveV2,
} from '@aws-sdk/client-lambda'
import { mintSession } from '@weft/aws'
import { err, streamArn } from '@weft/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  account,
  echo,
  fullAccessRole,
  keys,
  otherKeys,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let frontend: TestFrontend
let client: LambdaClient
let zip: Buffer

const clientFor = (credentials: typeof keys): LambdaClient =>
  new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 })

beforeAll(async () => {
  frontend = await startTestFrontend()
  client = clientFor(keys)
  zip = await zipOf()
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(() => {
  frontend.catalogue.functionStore.entries.clear()
  frontend.catalogue.mappingStore.entries.clear()
  frontend.invoker.calls.length = 0
  frontend.invoker.answer = echo
  frontend.events.events.length = 0
  frontend.facts.records.length = 0
})

const create = (name: string, extra: object = {}) =>
  client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Role: role,
      Handler: 'index.handler',
      Code: { ZipFile: zip },
      ...extra,
    }),
  )
const arn = (name: string) => `arn:aws:lambda:us-east-1:${account}:function:${name}`
const refusalOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e as { name: string; message: string; $metadata: { httpStatusCode: number } },
  )
  return error && { name: error.name, status: error.$metadata.httpStatusCode, message: error.message }
}

describe('functions, through the AWS SDK', () => {
  it('creates, shows, waits for and lists a function', async () => {
    const created = await create('one', { Tags: { team: 'a' }, Environment: { Variables: { KEY: 'value' } } })
    expect(created).toMatchObject({
      $metadata: { httpStatusCode: 201 },
      FunctionArn: arn('one'),
      State: 'Pending',
      StateReason: 'The function is being created.',
      StateReasonCode: 'Creating',
      Timeout: 3,
      MemorySize: 128,
      CodeSize: zip.byteLength,
      CodeSha256: createHash('sha256').update(zip).digest('base64'),
      Version: '$LATEST',
      PackageType: 'Zip',
      Environment: { Variables: { KEY: 'value' } },
      LoggingConfig: { LogFormat: 'Text', LogGroup: '/aws/lambda/one' },
    })
    expect(created.LastModified).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/)
    await waitUntilFunctionActiveV2({ client, maxWaitTime: 5 }, { FunctionName: 'one' })
    const got = await client.send(new GetFunctionCommand({ FunctionName: arn('one'), Qualifier: '$LATEST' }))
    expect(got).toMatchObject({
      Configuration: { State: 'Active', LastUpdateStatus: 'Successful', FunctionArn: `${arn('one')}:$LATEST` },
      Tags: { team: 'a' },
    })
    const fetched = await fetch(got.Code?.Location ?? '')
    expect(Buffer.from(await fetched.arrayBuffer()).equals(zip)).toBe(true)
    expect((await fetch((got.Code?.Location ?? '').replace('Expires=', 'Expires=9'))).status).toBe(403)
    const configuration = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'one' }))
    expect(configuration.FunctionArn).toBe(arn('one'))
    const versions = await client.send(new ListVersionsByFunctionCommand({ FunctionName: 'one' }))
    expect(versions.Versions?.map((v) => v.FunctionArn)).toEqual([`${arn('one')}:$LATEST`])
  })

  it('lists by pages, whose markers belong to one account', async () => {
    for (const name of ['c', 'a', 'b']) await create(name)
    const first = await client.send(new ListFunctionsCommand({ MaxItems: 2 }))
    expect(first.Functions?.map((f) => f.FunctionName)).toEqual(['a', 'b'])
    expect(first.Functions?.[0]?.State).toBeUndefined()
    const rest = await client.send(new ListFunctionsCommand({ Marker: first.NextMarker, MaxItems: 2 }))
    expect(rest.Functions?.map((f) => f.FunctionName)).toEqual(['c'])
    expect(rest.NextMarker).toBeUndefined()
    const other = clientFor(otherKeys)
    expect(await refusalOf(other.send(new ListFunctionsCommand({ Marker: first.NextMarker })))).toMatchObject({
      name: 'InvalidParameterValueException',
      status: 400,
    })
    expect((await other.send(new ListFunctionsCommand({}))).Functions).toEqual([])
    other.destroy()
  })

  it('changes code and configuration, guarded by the revision', async () => {
    await create('one', { Description: 'old', Timeout: 10 })
    const first = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'one' }))
    const next = await zipOf([{ name: 'index.mjs', content: 'export const handler = () => 2' }])
    const dry = await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'one', ZipFile: next, DryRun: true }))
    expect(dry.CodeSize).toBe(next.byteLength)
    expect((await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'one' }))).RevisionId).toBe(
      first.RevisionId,
    )
    const updated = await client.send(new UpdateFunctionCodeCommand({ FunctionName: 'one', ZipFile: next }))
    expect(updated).toMatchObject({ LastUpdateStatus: 'InProgress', CodeSize: next.byteLength, Description: 'old' })
    expect(updated.RevisionId).not.toBe(first.RevisionId)
    const stale = { FunctionName: 'one', RevisionId: first.RevisionId }
    const refused = {
      name: 'PreconditionFailedException',
      status: 412,
      message:
        'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    }
    expect(await refusalOf(client.send(new UpdateFunctionCodeCommand({ ...stale, ZipFile: next })))).toEqual(refused)
    expect(await refusalOf(client.send(new UpdateFunctionConfigurationCommand(stale)))).toEqual(refused)
    const changed = await client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'one',
        RevisionId: updated.RevisionId,
        MemorySize: 256,
        Environment: { Variables: {} },
      }),
    )
    expect(changed).toMatchObject({ MemorySize: 256, Timeout: 10, Description: 'old' })
  })

  it('refuses what it cannot do, in the words of AWS', async () => {
    await create('one')
    expect(await refusalOf(create('one'))).toEqual({
      name: 'ResourceConflictException',
      status: 409,
      message: 'Function already exist: one',
    })
    expect(await refusalOf(create('two', { Runtime: 'ruby3.4' }))).toMatchObject({
      name: 'InvalidParameterValueException',
      // AWS's words, and then what to install.
      message: expect.stringMatching(
        /^Value ruby3\.4 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[nodejs24\.x, python3\.13\] or be a valid ARN\. No worker offers ruby3\.4: /,
      ),
    })
    expect(await refusalOf(create('two', { Code: { ZipFile: Buffer.from('no zip') } }))).toMatchObject({
      message: 'Could not unzip uploaded file. Please check your file, then try to upload again.',
    })
    expect(await refusalOf(create('two', { Code: { ImageUri: 'x' } }))).toMatchObject({
      name: 'InvalidParameterValueException',
    })
    expect(await refusalOf(client.send(new GetFunctionCommand({ FunctionName: 'gone' })))).toEqual({
      name: 'ResourceNotFoundException',
      status: 404,
      message: `Function not found: ${arn('gone')}`,
    })
    expect(await refusalOf(client.send(new ListCapacityProvidersCommand({})))).toEqual({
      name: 'NotImplementedException',
      status: 501,
      message:
        'ListCapacityProviders is not served by this fabric: functions run on the workers of the fabric, and there are no capacity providers.',
    })
    expect(await refusalOf(client.send(new InvokeCommand({ FunctionName: 'gone' })))).toMatchObject({
      message: `Function not found: ${arn('gone')}:$LATEST`,
    })
    const qualified = { FunctionName: `${arn('one')}:$LATEST`, Qualifier: 'prod' }
    expect(await refusalOf(client.send(new GetFunctionCommand(qualified)))).toMatchObject({
      status: 400,
      message: 'The derived qualifier from the function name does not match the specified qualifier.',
    })
  })

  it('lets one of two creations at once win, and one of two updates', async () => {
    const both = await Promise.allSettled([create('one'), create('one')])
    expect(both.map((r) => r.status).sort()).toEqual(['fulfilled', 'rejected'])
    let raced = false
    frontend.catalogue.functionStore.beforeWrite = async (key) => {
      if (raced) return
      raced = true
      const stored = frontend.catalogue.functionStore.entries.get(key)
      if (stored) frontend.catalogue.functionStore.put(key, stored.value)
    }
    const update = client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'one', Timeout: 5 }))
    expect(await refusalOf(update)).toEqual({
      name: 'ResourceConflictException',
      status: 409,
      message: `The operation cannot be performed at this time. An update is in progress for resource: ${arn('one')}`,
    })
    raced = false
    const merged = await client.send(
      new PutFunctionConcurrencyCommand({ FunctionName: 'one', ReservedConcurrentExecutions: 5 }),
    )
    expect(merged.ReservedConcurrentExecutions).toBe(5)
  })

  it('deletes', async () => {
    await create('one')
    expect(
      await refusalOf(client.send(new DeleteFunctionCommand({ FunctionName: 'one', Qualifier: '$LATEST' }))),
    ).toMatchObject({ message: '$LATEST version cannot be deleted without deleting the function.' })
    const deleted = await client.send(new DeleteFunctionCommand({ FunctionName: 'one' }))
    expect(deleted.$metadata.httpStatusCode).toBe(204)
    expect(await refusalOf(client.send(new DeleteFunctionCommand({ FunctionName: 'one' })))).toMatchObject({
      message: `Function not found: ${arn('one')}`,
    })
  })

  it('reserves concurrency, keeps tags and event settings, tells the account', async () => {
    await create('one')
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'one', ReservedConcurrentExecutions: 900 }))
    expect(await client.send(new GetFunctionConcurrencyCommand({ FunctionName: 'one' }))).toMatchObject({
      ReservedConcurrentExecutions: 900,
    })
    expect(
      await refusalOf(
        client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'one', ReservedConcurrentExecutions: 901 })),
      ),
    ).toMatchObject({
      message:
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
    })
    expect(await client.send(new GetAccountSettingsCommand({}))).toMatchObject({
      AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 100 },
      AccountUsage: { FunctionCount: 1, TotalCodeSize: zip.byteLength },
    })
    await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName: 'one' }))
    await client.send(new TagResourceCommand({ Resource: arn('one'), Tags: { a: '1', b: '2' } }))
    await client.send(new UntagResourceCommand({ Resource: arn('one'), TagKeys: ['a'] }))
    expect((await client.send(new ListTagsCommand({ Resource: arn('one') }))).Tags).toEqual({ b: '2' })
    const named = { FunctionName: 'one' }
    expect(await refusalOf(client.send(new GetFunctionEventInvokeConfigCommand(named)))).toMatchObject({ status: 404 })
    await client.send(new PutFunctionEventInvokeConfigCommand({ ...named, MaximumRetryAttempts: 1 }))
    const merged = await client.send(
      new UpdateFunctionEventInvokeConfigCommand({ ...named, MaximumEventAgeInSeconds: 60 }),
    )
    expect(merged).toMatchObject({ MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60 })
    expect(merged.LastModified).toBeInstanceOf(Date)
    const listed = await client.send(new ListFunctionEventInvokeConfigsCommand(named))
    expect(listed.FunctionEventInvokeConfigs).toHaveLength(1)
    await client.send(new DeleteFunctionEventInvokeConfigCommand(named))
    expect(frontend.catalogue.functions(account)[0]?.eventInvoke).toBeUndefined()
  })
})

describe('event source mappings, through the AWS SDK', () => {
  it('creates, updates, lists and deletes', async () => {
    await create('one')
    const source = streamArn('us-east-1', account, 'ORDERS')
    const input = { FunctionName: 'one', EventSourceArn: source, BatchSize: 10 }
    expect(await refusalOf(client.send(new CreateEventSourceMappingCommand(input)))).toMatchObject({
      name: 'InvalidParameterValueException',
      message:
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    })
    const created = await client.send(
      new CreateEventSourceMappingCommand({ ...input, StartingPosition: 'TRIM_HORIZON' }),
    )
    expect(created).toMatchObject({
      $metadata: { httpStatusCode: 202 },
      State: 'Creating',
      FunctionArn: arn('one'),
      EventSourceArn: source,
      BatchSize: 10,
      MaximumBatchingWindowInSeconds: 0,
      MaximumRetryAttempts: -1,
    })
    expect(created.LastModified).toBeInstanceOf(Date)
    const twin = client.send(new CreateEventSourceMappingCommand({ ...input, StartingPosition: 'LATEST' }))
    expect(await refusalOf(twin)).toMatchObject({ name: 'ResourceConflictException', status: 409 })
    const UUID = created.UUID ?? ''
    const updated = await client.send(
      new UpdateEventSourceMappingCommand({ UUID, Enabled: false, MaximumBatchingWindowInSeconds: 5 }),
    )
    expect(updated).toMatchObject({ State: 'Disabling', MaximumBatchingWindowInSeconds: 5, BatchSize: 10 })
    const listed = await client.send(new ListEventSourceMappingsCommand({ FunctionName: 'one' }))
    expect(listed.EventSourceMappings?.map((m) => m.UUID)).toEqual([UUID])
    expect((await client.send(new GetEventSourceMappingCommand({ UUID }))).State).toBe('Disabling')
    expect(await client.send(new DeleteEventSourceMappingCommand({ UUID }))).toMatchObject({ State: 'Deleting' })
    expect(await refusalOf(client.send(new DeleteEventSourceMappingCommand({ UUID })))).toMatchObject({ status: 409 })
    const other = clientFor(otherKeys)
    expect(await refusalOf(other.send(new GetEventSourceMappingCommand({ UUID })))).toEqual({
      name: 'ResourceNotFoundException',
      status: 404,
      message: 'The resource you requested does not exist.',
    })
    other.destroy()
  })
})

describe('invocations, through the AWS SDK', () => {
  it('answers with payload, version and log', async () => {
    await create('one')
    const answer = await client.send(new InvokeCommand({ FunctionName: 'one', Payload: '{"a":1}', LogType: 'Tail' }))
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' })
    expect(answer.Payload?.transformToString()).toBe('{"a":1}')
    expect(Buffer.from(answer.LogResult ?? '', 'base64').toString()).toBe('START\nEND\n')
    expect(answer.FunctionError).toBeUndefined()
    expect(frontend.invoker.calls[0]).toMatchObject({
      requestId: answer.$metadata.requestId,
      source: 'sync',
      logTail: true,
      target: { invokedArn: arn('one') },
    })
  })

  it('hands a function that failed to the caller with 200', async () => {
    await create('one')
    frontend.invoker.answer = (call) => ({ ...echo(call), kind: 'function-error', errorType: 'Error' }) as never
    expect(await client.send(new InvokeCommand({ FunctionName: 'one' }))).toMatchObject({
      StatusCode: 200,
      FunctionError: 'Unhandled',
    })
    expect(frontend.invoker.calls[0]?.payload.toString()).toBe('{}')
  })

  it('accepts events, and nothing else when the store is away', async () => {
    await create('one')
    const event = new InvokeCommand({ FunctionName: 'one', InvocationType: 'Event', Payload: '[1]' })
    const accepted = await client.send(event)
    expect(accepted).toMatchObject({ StatusCode: 202 })
    expect(accepted.ExecutedVersion).toBeUndefined()
    const elder = await client.send(new InvokeAsyncCommand({ FunctionName: 'one', InvokeArgs: '{"b":2}' }))
    expect(elder.Status).toBe(202)
    expect(frontend.events.events.map((e) => e.payload.toString())).toEqual(['[1]', '{"b":2}'])
    frontend.events.answer = err('store-full')
    expect(await refusalOf(client.send(event))).toMatchObject({ name: 'ServiceUnavailableException', status: 503 })
    frontend.events.answer = { ok: true, value: { duplicate: false } }
  })

  it('runs nothing for a dry run', async () => {
    await create('one')
    const answer = await client.send(new InvokeCommand({ FunctionName: 'one', InvocationType: 'DryRun' }))
    expect(answer.StatusCode).toBe(204)
    expect(answer.ExecutedVersion).toBeUndefined()
    expect(frontend.invoker.calls).toEqual([])
  })

  it('tells throttles and failures of the platform', async () => {
    await create('one')
    frontend.invoker.answer = () => ({
      kind: 'throttled',
      reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      retryAfterSeconds: 2,
    })
    const throttled = await client.send(new InvokeCommand({ FunctionName: 'one' })).catch((e: unknown) => e)
    expect(throttled).toMatchObject({
      name: 'TooManyRequestsException',
      message: 'Rate Exceeded.',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      retryAfterSeconds: '2',
      $metadata: { httpStatusCode: 429 },
    })
    expect(frontend.facts.records).toMatchObject([{ type: 'throttle', functionName: 'one' }])
    frontend.invoker.answer = () => ({ kind: 'platform-error', detail: 'secret detail', mayHaveRun: true })
    const failed = await client.send(new InvokeCommand({ FunctionName: 'one' })).catch((e: unknown) => e as Error)
    expect(failed).toMatchObject({ name: 'ServiceException', $metadata: { httpStatusCode: 500 } })
    expect(JSON.stringify(failed)).not.toContain('secret detail')
    frontend.invoker.answer = () => Promise.reject(new Error('a bug'))
    const broken = await client.send(new InvokeCommand({ FunctionName: 'one' })).catch((e: unknown) => e as Error)
    expect(broken).toMatchObject({ name: 'ServiceException', message: 'Internal service error.' })
  })

  it('finds a function that another frontend made a moment ago', async () => {
    await create('one')
    const seen = frontend.catalogue.function.bind(frontend.catalogue)
    frontend.catalogue.function = () => undefined
    const answer = await client.send(new InvokeCommand({ FunctionName: 'one', Payload: '1' }))
    frontend.catalogue.function = seen
    expect(answer.StatusCode).toBe(200)
  })

  it('stops waiting when the client has gone, and ends nothing', async () => {
    await create('one')
    const { promise: called, resolve: onCall } = Promise.withResolvers<void>()
    const { promise: release, resolve: onRelease } = Promise.withResolvers<void>()
    frontend.invoker.answer = async (call) => {
      onCall()
      await release
      return echo(call)
    }
    const abort = new AbortController()
    const left = client.send(new InvokeCommand({ FunctionName: 'one' }), { abortSignal: abort.signal })
    await called
    abort.abort()
    await expect(left).rejects.toThrow()
    const signal = frontend.invoker.signals.at(-1)
    await new Promise<void>((resolve) =>
      signal?.aborted ? resolve() : signal?.addEventListener('abort', () => resolve()),
    )
    onRelease()
    frontend.invoker.answer = echo
    expect((await client.send(new InvokeCommand({ FunctionName: 'one' }))).StatusCode).toBe(200)
  })

  it('takes the session credentials of a function', async () => {
    await create('one')
    const expiresAtMs = Date.now() + 60_000
    const claims = { accountId: account, roleArn: fullAccessRole, sessionName: 'one', expiresAtMs }
    const session = clientFor(mintSession('cluster secret', claims))
    expect((await session.send(new InvokeCommand({ FunctionName: 'one' }))).StatusCode).toBe(200)
    session.destroy()
    const late = clientFor(mintSession('cluster secret', { ...claims, expiresAtMs: 0 }))
    expect(await refusalOf(late.send(new InvokeCommand({ FunctionName: 'one' })))).toMatchObject({
      name: 'ExpiredTokenException',
      status: 403,
    })
    late.destroy()
  })
})

describe('the HTTP door', () => {
  it('gives every reply a request id and tells its health', async () => {
    const answer = await rawRequest(frontend.endpoint, { method: 'GET', path: '/2015-03-31/functions/' })
    expect(answer.status).toBe(200)
    expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
    expect(await (await fetch(`${frontend.endpoint}/readyz`)).json()).toMatchObject({ status: 'ok' })
  })

  it('lets running requests finish when it stops', async () => {
    const other = await startTestFrontend()
    const { promise: called, resolve: onCall } = Promise.withResolvers<void>()
    const { promise: release, resolve: onRelease } = Promise.withResolvers<void>()
    other.invoker.answer = async (call) => {
      onCall()
      await release
      return echo(call)
    }
    const stored = frontend.catalogue.functionStore
    await create('one')
    other.catalogue.functionStore.put(`${account}.one`, [...stored.entries.values()][0]?.value as never)
    const running = rawRequest(other.endpoint, { path: '/2015-03-31/functions/one/invocations', body: '7' })
    await called
    const stopped = other[Symbol.asyncDispose]()
    onRelease()
    expect(await running).toMatchObject({ status: 200, text: '7' })
    await stopped
    await expect(fetch(`${other.endpoint}/readyz`)).rejects.toThrow()
  })
})
