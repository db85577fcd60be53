import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda'
import { startDockerd } from '@weft/docker/testing'
import {
  buildLayer,
  hasRegistry,
  type ImageParts,
  pythonBase,
  pythonConfig,
  startFabric,
  startRegistry,
  type TestFabric,
  type TestRegistry,
} from '@weft/kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const handlers = (version: string) => `
import os, threading, time
def handler(event, context):
    if "fail" in event: raise ValueError(event["fail"])
    if "exit" in event: os._exit(event["exit"])
    if "sleep" in event: time.sleep(event["sleep"])
    print("version ${version} has", sorted(event))
    return {"version": "${version}", "data": sorted(os.listdir("/data")), "cwd": os.getcwd(), "own": os.environ.get("OWN")}
def other(event, context):
    return "the other one"
`

describe.each(['oci', 'docker'] as const)('functions that are container images, on the %s driver', (driver) => {
  let engine: { readonly socketPath: string } & AsyncDisposable
  let registry: TestRegistry
  let fabric: TestFabric
  let dataDir: string
  let lambda: LambdaClient
  let base: ImageParts['layers'][number]

  beforeAll(async () => {
    expect(hasRegistry(), 'Debian package docker-registry').toBe(true)
    base = await buildLayer(pythonBase())
    dataDir = mkdtempSync(join(tmpdir(), 'weft-images-'))
    if (driver === 'docker') engine = await startDockerd()
    registry = await startRegistry()
    await start()
  })
  afterAll(async () => {
    await fabric[Symbol.asyncDispose]()
    await registry[Symbol.asyncDispose]()
    await engine?.[Symbol.asyncDispose]()
    rmSync(dataDir, { recursive: true, force: true })
  })
  async function start(): Promise<void> {
    const socket = driver === 'docker' ? ['--docker-socket', engine.socketPath] : []
    fabric = await startFabric({ dataDir, args: ['--sandbox', driver, ...socket, '--registries', registry.host] })
    const { http, region, accessKeyId, secretAccessKey } = fabric.connection
    lambda = new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
  }

  const push = async (tag: string, more: Partial<ImageParts> = {}, version = tag): Promise<string> =>
    registry.push('team/shop', tag, {
      layers: [
        base,
        await buildLayer({ 'data/first': '', 'data/second': '' }),
        await buildLayer({ 'data/.wh.first': '', 'var/task/app.py': handlers(version) }),
      ],
      config: pythonConfig,
      ...more,
    })
  const uri = (tag: string): string => `${registry.host}/team/shop:${tag}`
  const waiting = () => ({ client: lambda, maxWaitTime: 120, minDelay: 1, maxDelay: 1 })
  async function create(FunctionName: string, ImageUri: string): Promise<void> {
    const created = await lambda.send(
      new CreateFunctionCommand({
        ...{ FunctionName, PackageType: 'Image', Code: { ImageUri } },
        ...{ Role: 'arn:aws:iam::000000000000:role/any', MemorySize: 256, Timeout: 20 },
        Environment: { Variables: { OWN: 'mine' } },
      }),
    )
    expect(created).toMatchObject({ State: 'Pending', PackageType: 'Image' })
    expect(created.Runtime).toBeUndefined()
    await waitUntilFunctionActiveV2(waiting(), { FunctionName })
  }
  async function invoke(FunctionName: string, event: unknown = {}) {
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: 'Tail' }),
    )
    return {
      error: answer.FunctionError,
      answer: JSON.parse(answer.Payload?.transformToString() ?? ''),
      log: Buffer.from(answer.LogResult ?? '', 'base64').toString('utf8'),
    }
  }
  const said = { data: ['second'], cwd: '/var/task', own: 'mine' }

  test('are created of a tag, called, changed to another tag, and called with another command', async () => {
    const digest = await push('1')
    await create('shop', uri('1'))
    const { Code, Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: 'shop' }))
    expect(Code).toMatchObject({
      RepositoryType: 'ECR',
      ImageUri: uri('1'),
      ResolvedImageUri: `${registry.host}/team/shop@${digest}`,
    })
    expect(Configuration?.State).toBe('Active')
    const first = await invoke('shop', { a: 1 })
    expect(first).toMatchObject({ error: undefined, answer: { ...said, version: '1' } })
    expect(first.log).toMatch(
      /^START RequestId: .*\nversion 1 has \['a'\]\nEND RequestId: .*\nREPORT RequestId: .*Init Duration: /,
    )
    // A tag that moves does not move the function.
    await push('1', {}, 'moved')
    expect((await invoke('shop')).answer.version).toBe('1')
    await push('2')
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: 'shop', ImageUri: uri('2') }))
    await waitUntilFunctionUpdatedV2(waiting(), { FunctionName: 'shop' })
    expect(await invoke('shop')).toMatchObject({ answer: { ...said, version: '2' } })
    await lambda.send(
      new UpdateFunctionConfigurationCommand({ FunctionName: 'shop', ImageConfig: { Command: ['app.other'] } }),
    )
    await waitUntilFunctionUpdatedV2(waiting(), { FunctionName: 'shop' })
    expect((await invoke('shop')).answer).toBe('the other one')
    const wrong = { EntryPoint: ['/none'], WorkingDirectory: '/var/task' }
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'shop', ImageConfig: wrong }))
    await waitUntilFunctionUpdatedV2(waiting(), { FunctionName: 'shop' })
    expect(await invoke('shop')).toMatchObject({
      error: 'Unhandled',
      answer: {
        errorType: 'Runtime.InvalidEntrypoint',
        errorMessage: expect.stringMatching(/^RequestId: \S+ Error: fork\/exec \/none: no such file or directory$/),
      },
    })
  })

  test('fail, crash and time out as all functions do, and go on', async () => {
    await push('errors')
    await create('errors', uri('errors'))
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'errors', Timeout: 6 }))
    await waitUntilFunctionUpdatedV2(waiting(), { FunctionName: 'errors' })
    expect(await invoke('errors', { fail: 'no good' })).toMatchObject({
      error: 'Unhandled',
      answer: { errorType: 'ValueError', errorMessage: 'no good', stackTrace: expect.any(Array) },
    })
    expect((await invoke('errors', { exit: 5 })).answer.errorMessage).toMatch(
      /Runtime exited with error: exit status 5$/,
    )
    expect((await invoke('errors', { sleep: 30 })).answer.errorMessage).toMatch(/Task timed out after 6.00 seconds$/)
    expect((await invoke('errors')).answer).toMatchObject({ version: 'errors' })
  })

  test('may be the example, one program and nothing else, as an engine builds and pushes it', async () => {
    const out = mkdtempSync(join(tmpdir(), 'weft-example-'))
    const example = (name: string) => fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
    try {
      if (driver === 'docker') {
        const env = { ...process.env, DOCKER_HOST: `unix://${engine.socketPath}`, DOCKER_BUILDKIT: '0' }
        const docker = (...args: readonly string[]) => execFileSync('docker', args, { env, stdio: 'pipe' })
        execFileSync(example('image/build.sh'), [out], { env, stdio: 'pipe' })
        docker('tag', 'weft-example-order', `${registry.host}/example/order`)
        docker('push', `${registry.host}/example/order`)
        docker('rmi', 'weft-example-order', `${registry.host}/example/order`)
      } else {
        execFileSync(example('order/go/build.sh'), [out], { stdio: 'pipe' })
        const layers = [await buildLayer({ bootstrap: readFileSync(join(out, 'bootstrap')) }, 'none')]
        await registry.push('example/order', 'latest', { layers, config: { Entrypoint: ['/bootstrap'] } })
      }
      await create('order', `${registry.host}/example/order`)
    } finally {
      rmSync(out, { recursive: true })
    }
    const order = { customer: 'Ada', items: [{ name: 'Assam', quantity: 2, priceCents: 450 }] }
    expect((await invoke('order', order)).answer).toMatchObject({ customer: 'Ada', totalCents: 900, function: 'order' })
    expect((await invoke('order', { customer: 'Ada', items: [] })).answer).toMatchObject({ errorType: 'emptyOrder' })
  })

  test('that are built for another architecture are refused', async () => {
    await push('foreign', { architecture: process.arch === 'arm64' ? 'amd64' : 'arm64' })
    await expect(create('foreign', uri('foreign'))).rejects.toThrow(/is not supported/)
  })

  test('need no registry for a cold start: the fabric has a copy of its own', async () => {
    await push('alone')
    await create('alone', uri('alone'))
    await registry.stop()
    expect((await invoke('alone')).answer).toMatchObject({ version: 'alone' })
    const both = await Promise.all([invoke('alone', { sleep: 1 }), invoke('alone', { sleep: 1 })])
    expect(both.map(({ answer }) => answer.version)).toEqual(['alone', 'alone'])
    // Nor does a worker that has never seen the image.
    await fabric.stop()
    rmSync(join(dataDir, 'worker/code'), { recursive: true })
    await start()
    expect((await invoke('alone')).answer).toMatchObject({ version: 'alone' })
  })
})

test('on workers that isolate nothing images are refused, with the reason', async () => {
  await using registry = await startRegistry()
  await using fabric = await startFabric({ args: ['--sandbox', 'process', '--registries', registry.host] })
  await registry.push('a', 'b', { layers: [await buildLayer({ x: 'x' })] })
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  const lambda = new LambdaClient({
    endpoint: http,
    region,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })
  const wanted = {
    FunctionName: 'f',
    PackageType: 'Image',
    Code: { ImageUri: `${registry.host}/a:b` },
    Role: 'arn:aws:iam::000000000000:role/any',
  } as const
  const refusal = await lambda.send(new CreateFunctionCommand(wanted)).then(
    async () => {
      await waitUntilFunctionActiveV2(
        { client: lambda, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
        { FunctionName: 'f' },
      )
      return lambda.send(new InvokeCommand({ FunctionName: 'f', Payload: '{}' })).catch((error: Error) => error.message)
    },
    (error: Error) => error.message,
  )
  expect(refusal).toMatch(/image/)
})
