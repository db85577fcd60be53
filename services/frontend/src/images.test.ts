import { gzipSync } from 'node:zlib'
import {
  CreateAliasCommand,
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  DeleteFunctionCommand,
  GetAccountSettingsCommand,
  GetFunctionCodeSigningConfigCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  LambdaServiceException,
  ListFunctionsCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { imageRuntime } from '@weft/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { frontendDefaults } from './config.ts'
import { digestOf, FakeRegistry } from './testing/fake-registry.ts'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let registry: FakeRegistry
let frontend: TestFrontend
let client: LambdaClient
const FunctionName = 'f'
const arn = `arn:aws:lambda:us-east-1:${account}:function:f`

beforeAll(async () => {
  registry = await FakeRegistry.start()
  frontend = await startTestFrontend(
    { runtimes: () => ['nodejs24.x', imageRuntime] },
    { ...frontendDefaults, images: { registries: [registry.host] } },
  )
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})
beforeEach(async () => {
  registry.intrusion = () => false
  const { functionStore, versionStore } = frontend.catalogue
  for (const [key, { revision }] of functionStore.entries) await functionStore.remove(key, revision)
  versionStore.entries.clear()
  frontend.code.packages.clear()
})

const uri = (name: string): string => `${registry.host}/${name}`
const create = (change: Partial<CreateFunctionCommandInput> = {}) =>
  client.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Role: role, PackageType: 'Image', Code: { ImageUri: uri('app:v1') } },
      ...change,
    }),
  )
const update = (change: object = { ImageUri: uri('app:v2') }) =>
  client.send(new UpdateFunctionCodeCommand({ FunctionName, ...change }))
const configuration = (Qualifier?: string) =>
  client.send(new GetFunctionConfigurationCommand({ FunctionName, ...(Qualifier && { Qualifier }) }))
const settled = async (Qualifier?: string) => {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      const unsubscribe = frontend.catalogue.onChange(() => {
        unsubscribe()
        resolve()
      })
    })
    const now = await configuration(Qualifier)
    if (now.State !== 'Pending' && now.LastUpdateStatus !== 'InProgress') return now
    await changed
  }
}
/** Layers wait until the returned function is called. */
function holdLayers(): () => void {
  const held: (() => void)[] = []
  let open = false
  registry.intrusion = (request, response) => {
    if (open || !request.url?.includes(`/blobs/sha256:`) || request.url.includes(configDigest)) return false
    held.push(() => response.destroy())
    return true
  }
  return () => {
    open = true
    for (const release of held) release()
  }
}
const layers = [gzipSync('base'), gzipSync('own')]
const config = { Entrypoint: ['/entry'], Cmd: ['app.handler'], Env: ['A=image', 'B=image'] }
const configDigest = digestOf(Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', config })))
const first = (): string => registry.push('app', 'v1', { layers: [layers[0] as Buffer], config })
const second = (): string => registry.push('app', 'v2', { layers, config })
const refusal = async (pending: Promise<unknown>) => {
  const error = await pending.then(
    () => new Error('it was done'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof LambdaServiceException)) throw error
  return `${error.$metadata.httpStatusCode} ${error.name}: ${error.message}`
}
const invalid = (text: string): string => `400 InvalidParameterValueException: ${text}`

describe('a function that is a container image', () => {
  it('is Pending while its image is brought, then Active, and tells where it is from', async () => {
    const digest = first()
    const release = holdLayers()
    const made = await create({ ImageConfig: { Command: ['other.handler'], WorkingDirectory: '/srv' } })
    expect(made).toMatchObject({
      ...{ State: 'Pending', StateReasonCode: 'Creating', StateReason: 'The function is being created.' },
      ...{ PackageType: 'Image', CodeSize: 0, CodeSha256: digest, Version: '$LATEST' },
      ImageConfigResponse: { ImageConfig: { Command: ['other.handler'], WorkingDirectory: '/srv' } },
    })
    expect(made).not.toHaveProperty('Runtime')
    expect(made).not.toHaveProperty('Handler')
    const pending =
      '409 ResourceConflictException: The operation cannot be performed at this time. The function is currently in the following state: Pending'
    expect(await refusal(client.send(new InvokeCommand({ FunctionName })))).toBe(pending)
    expect(await refusal(client.send(new PublishVersionCommand({ FunctionName })))).toBe(pending)
    expect(await refusal(client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 5 })))).toBe(
      pending,
    )
    release()
    expect(await settled()).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful' })
    expect((await client.send(new GetFunctionCommand({ FunctionName }))).Code).toEqual({
      ...{ RepositoryType: 'ECR', ImageUri: uri('app:v1') },
      ResolvedImageUri: `${uri('app')}@sha256:${digest}`,
    })
    await client.send(new InvokeCommand({ FunctionName, Payload: '{}' }))
    const { target } = frontend.invoker.calls.at(-1) ?? {}
    expect(target?.version).toMatchObject({
      ...{ runtime: '', handler: '', imageConfig: { command: ['other.handler'], workingDirectory: '/srv' } },
      code: { image: { entryPoint: ['/entry'], command: ['app.handler'], environment: { A: 'image', B: 'image' } } },
    })
    expect([...frontend.code.packages.keys()]).toContain(digestOf(layers[0] as Buffer))
    const listed = (await client.send(new ListFunctionsCommand({}))).Functions?.[0]
    expect(listed).toMatchObject({ FunctionName, PackageType: 'Image', CodeSize: 0 })
    const { AccountUsage } = await client.send(new GetAccountSettingsCommand({}))
    expect(AccountUsage).toMatchObject({ TotalCodeSize: 0, FunctionCount: 1 })
  })

  it('serves with the image it has while another is brought', async () => {
    const before = first()
    await create()
    await settled()
    const digest = second()
    const release = holdLayers()
    const dry = await update({ ImageUri: uri('app:v2'), DryRun: true })
    expect(dry).toMatchObject({ CodeSha256: digest })
    expect(await configuration()).toMatchObject({ CodeSha256: before })
    expect(await update()).toMatchObject({
      ...{
        State: 'Active',
        LastUpdateStatus: 'InProgress',
        LastUpdateStatusReasonCode: 'Creating',
        CodeSha256: digest,
      },
    })
    const running = () => frontend.invoker.calls.at(-1)?.target.version.code.digest
    await client.send(new InvokeCommand({ FunctionName, Payload: '{}' }))
    expect(running()).toBe(before)
    expect(await refusal(update())).toBe(
      `409 ResourceConflictException: The operation cannot be performed at this time. An update is in progress for resource: ${arn}`,
    )
    release()
    expect(await settled()).toMatchObject({ LastUpdateStatus: 'Successful', CodeSha256: digest })
    await client.send(new InvokeCommand({ FunctionName, Payload: '{}' }))
    expect(running()).toBe(digest)
  })

  it('runs on when its registry has lost the image, and the update that failed is told', async () => {
    first()
    await create()
    await settled()
    second()
    registry.intrusion = ({ url = '' }, response) => {
      if (!url.includes('/blobs/') || url.includes(configDigest)) return false
      response.writeHead(404).end()
      return true
    }
    const fresh = gzipSync(`${Math.random()}`)
    registry.push('app', 'v3', { layers: [fresh], config })
    await update({ ImageUri: uri('app:v3') })
    expect(await settled()).toMatchObject({
      ...{ State: 'Active', LastUpdateStatus: 'Failed', LastUpdateStatusReasonCode: 'ImageDeleted' },
      LastUpdateStatusReason: `Source image ${uri('app:v3')} does not exist. Provide a valid source image.`,
    })
    await client.send(new InvokeCommand({ FunctionName, Payload: '{}' }))
  })

  it('is Failed when its image cannot be brought', async () => {
    const fresh = Buffer.from(`not gzip ${Math.random()}`)
    registry.push('app', 'v4', { layers: [fresh], config })
    await create({ Code: { ImageUri: uri('app:v4') } })
    expect(await settled()).toMatchObject({ State: 'Failed', StateReasonCode: 'InvalidImage' })
    expect(await refusal(client.send(new InvokeCommand({ FunctionName })))).toContain('state: Failed')
    first()
    await update({ ImageUri: uri('app:v1') })
    expect(await settled()).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful' })
  })

  it('is published with its request or later, and aliases lead to it', async () => {
    const digest = first()
    const release = holdLayers()
    const made = await create({ Publish: true })
    expect(made).toMatchObject({ Version: '1', State: 'Pending' })
    expect(await configuration('1')).toMatchObject({ Version: '1', State: 'Pending' })
    release()
    expect(await settled('1')).toMatchObject({ State: 'Active', CodeSha256: digest, PackageType: 'Image' })
    await settled()
    const next = second()
    expect(await update({ ImageUri: uri('app:v2'), Publish: true })).toMatchObject({ Version: '2', CodeSha256: next })
    expect(await settled('2')).toMatchObject({ State: 'Active', CodeSha256: next })
    await settled()
    expect(await client.send(new PublishVersionCommand({ FunctionName }))).toMatchObject({ Version: '2' })
    await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' }))
    expect(await configuration('live')).toMatchObject({ Version: '1', CodeSha256: digest })
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, ImageConfig: { EntryPoint: ['/x'] } }))
    expect(await client.send(new PublishVersionCommand({ FunctionName }))).toMatchObject({
      ...{ Version: '3', ImageConfigResponse: { ImageConfig: { EntryPoint: ['/x'] } } },
    })
  })

  it('may be deleted while its image is brought', async () => {
    first()
    holdLayers()
    await create()
    await client.send(new DeleteFunctionCommand({ FunctionName }))
    expect(await refusal(configuration())).toContain('404 ResourceNotFoundException')
  })
})

describe('an image that cannot be had', () => {
  const source = (name: string): string => `Source image ${name}`
  it('is refused in the words of AWS', async () => {
    first()
    const at = (ImageUri: string) => refusal(create({ Code: { ImageUri } }))
    const gone = uri('app:none')
    expect(await at(gone)).toBe(invalid(`${source(gone)} does not exist. Provide a valid source image.`))
    for (const bad of ['App', 'http://host/app', 'a b', 'app@sha256:12'])
      expect(await at(bad)).toBe(invalid(`${source(bad)} is not valid. Provide a valid source image.`))
    registry.push('arm', 'latest', { architecture: 'arm64' })
    expect(await at(uri('arm'))).toBe(
      invalid(`The image manifest, config or layer media type for the source image ${uri('arm')} is not supported.`),
    )
    registry.intrusion = (_request, response) => {
      response.writeHead(403).end()
      return true
    }
    expect(await at(uri('app:v1'))).toBe(
      '403 AccessDeniedException: Lambda does not have permission to access the ECR image. Check the ECR permissions.',
    )
  })

  it('tells nothing of the network that it was looked for in', async () => {
    const { port } = new URL(`http://${registry.host}`)
    const texts = new Set<string>()
    // A port that answers, one that does not, and addresses inside.
    for (const host of [`localhost:${port}`, 'localhost:1', '169.254.169.254:80', '10.255.255.1']) {
      const text = await refusal(create({ Code: { ImageUri: `${host}/app` } }))
      texts.add(text.replace(host, 'HOST'))
    }
    expect([...texts]).toEqual([
      invalid(
        'Source image HOST/app cannot be read from its registry. Registries that are not on the public internet must be listed by the operator.',
      ),
    ])
  })
})

describe('what does not go together', () => {
  it('is refused in the words of AWS', async () => {
    const misfit = invalid(
      "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
    )
    const zip = await zipOf()
    first()
    expect(await refusal(create({ Handler: 'a.b' }))).toBe(misfit)
    expect(await refusal(create({ Runtime: 'nodejs24.x' }))).toBe(misfit)
    expect(await refusal(create({ Code: { ZipFile: zip } }))).toBe(
      invalid('Please provide ImageUri when creating a function with packageType Image.'),
    )
    expect(await refusal(create({ Code: { ZipFile: zip, ImageUri: uri('app:v1') } }))).toBe(
      invalid('Please do not provide other FunctionCode parameters when providing an ImageUri.'),
    )
    const zipped = { PackageType: 'Zip', Runtime: 'nodejs24.x', Handler: 'index.handler' } as const
    expect(await refusal(create(zipped))).toBe(
      invalid("Please don't provide ImageUri when creating a function with packageType Zip."),
    )
    await create({ ...zipped, Code: { ZipFile: zip } })
    expect(await refusal(update())).toBe(
      invalid("Please don't provide ImageUri when updating a function with packageType Zip."),
    )
    await create({ FunctionName: 'g' })
    expect(await refusal(client.send(new GetFunctionCodeSigningConfigCommand({ FunctionName: 'g' })))).toBe(
      invalid('Code signing is not supported for functions created with container images.'),
    )
    expect(await refusal(client.send(new UpdateFunctionCodeCommand({ FunctionName: 'g', ZipFile: zip })))).toBe(
      invalid('Please provide ImageUri when updating a function with packageType Image.'),
    )
  })

  it('nor images with workers that run none', async () => {
    await using plain = await startTestFrontend({}, frontendDefaults)
    const other = new LambdaClient({ endpoint: plain.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
    const command = new CreateFunctionCommand({
      FunctionName,
      Role: role,
      PackageType: 'Image',
      Code: { ImageUri: 'a' },
    })
    expect(await refusal(other.send(command))).toContain('PackageType Image, for want of a worker that runs images')
    other.destroy()
  })
})
