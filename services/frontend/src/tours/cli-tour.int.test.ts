import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  buildLayer,
  pythonBase,
  pythonConfig,
  startFabric,
  startRegistry,
  type TestFabric,
  type TestRegistry,
} from '@weft/kit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { servedOperations } from '../operations/api.ts'
import { zipOf } from '../testing/index.ts'

/** The API as the CLI of this machine knows it: an older one than the SDK's. */
const cliModel = '/usr/lib/python3/dist-packages/awscli/botocore/data/lambda/2015-03-31/service-2.json'

const run = promisify(execFile)
let registry: TestRegistry
let fabric: TestFabric
let folder: string
const called = new Set<string>()

beforeAll(async () => {
  registry = await startRegistry()
  fabric = await startFabric({ args: ['--registries', registry.host] })
  folder = mkdtempSync(join(tmpdir(), 'weft-cli-tour-'))
  writeFileSync(join(folder, 'f.zip'), await zipOf())
  writeFileSync(
    join(folder, 'g.zip'),
    await zipOf([{ name: 'index.mjs', content: 'export const handler = () => 2\n' }]),
  )
})
afterAll(async () => {
  await fabric?.[Symbol.asyncDispose]()
  await registry?.[Symbol.asyncDispose]()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

const operationOf = (command: string): string =>
  command
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')

/** `aws lambda COMMAND …` in the folder of the packages; resolves to what it printed. */
async function aws(command: string, ...args: readonly string[]) {
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  called.add(operationOf(command))
  const common = [
    '--endpoint-url',
    http,
    '--output',
    'json',
    '--no-cli-pager',
    '--cli-binary-format',
    'raw-in-base64-out',
  ]
  const { stdout } = await run('/usr/bin/aws', [...common, 'lambda', command, ...args], { env, cwd: folder })
  return stdout.trim() === '' ? {} : JSON.parse(stdout)
}

const one = ['--function-name', 'one'] as const
const arnOf = (rest: string): string =>
  `arn:aws:lambda:${fabric.connection.region}:${fabric.connection.accountId}:${rest}`

it('container images', async () => {
  const base = await buildLayer(pythonBase())
  const push = async (tag: string) => {
    const app = await buildLayer({ 'var/task/app.py': `def handler(event, context):\n    return "${tag}"\n` })
    return registry.push('shop', tag, { layers: [base, app], config: pythonConfig })
  }
  const digest = await push('1')
  const shop = ['--function-name', 'shop'] as const
  const invoke = async () => {
    await aws('invoke', ...shop, 'image.json')
    return JSON.parse(readFileSync(join(folder, 'image.json'), 'utf8'))
  }
  const image = ['--package-type', 'Image', '--code', `ImageUri=${registry.host}/shop:1`]
  const role = `arn:aws:iam::${fabric.connection.accountId}:role/tour`
  const made = await aws('create-function', ...shop, ...image, '--image-config', 'Command=app.handler', '--role', role)
  expect(made).toMatchObject({ State: 'Pending', PackageType: 'Image', CodeSha256: digest.replace('sha256:', '') })
  await aws('wait', 'function-active-v2', ...shop)
  expect(await invoke()).toBe('1')
  await push('2')
  await aws('update-function-code', ...shop, '--image-uri', `${registry.host}/shop:2`, '--publish')
  await aws('wait', 'function-updated-v2', ...shop)
  expect(await invoke()).toBe('2')
  expect((await aws('get-function', ...shop, '--qualifier', '1')).Code).toMatchObject({
    ...{ RepositoryType: 'ECR', ImageUri: `${registry.host}/shop:2` },
    ResolvedImageUri: expect.stringContaining(`${registry.host}/shop@sha256:`),
  })
  await aws('delete-function', ...shop)
})

it('functions, calls and waiting', async () => {
  const role = `arn:aws:iam::${fabric.connection.accountId}:role/tour`
  const settings = ['--runtime', 'nodejs24.x', '--handler', 'index.handler', '--role', role]
  await aws('create-function', ...one, ...settings, '--zip-file', 'fileb://f.zip')
  await aws('wait', 'function-active-v2', ...one)
  await aws('invoke', ...one, '--payload', '{"a":1}', 'answer.json')
  expect(JSON.parse(readFileSync(join(folder, 'answer.json'), 'utf8'))).toEqual({ a: 1 })
  writeFileSync(join(folder, 'args.json'), '{}')
  expect(await aws('invoke-async', ...one, '--invoke-args', 'args.json')).toEqual({ Status: 202 })
  expect((await aws('update-function-code', ...one, '--zip-file', 'fileb://g.zip')).LastUpdateStatus).toBe('InProgress')
  await aws('wait', 'function-updated-v2', ...one)
  await aws('update-function-configuration', ...one, '--timeout', '9', '--environment', 'Variables={KEY=value}')
  expect(await aws('get-function-configuration', ...one)).toMatchObject({ Timeout: 9 })
  expect((await aws('get-function', ...one)).Configuration.State).toBe('Active')
  expect((await aws('list-functions')).Functions).toHaveLength(1)
})

it('versions, aliases, concurrency', async () => {
  expect((await aws('publish-version', ...one)).Version).toBe('1')
  await aws('wait', 'published-version-active', ...one, '--qualifier', '1')
  expect((await aws('list-versions-by-function', ...one)).Versions).toHaveLength(2)
  await aws('create-alias', ...one, '--name', 'live', '--function-version', '1')
  await aws('update-alias', ...one, '--name', 'live', '--description', 'in use')
  expect((await aws('get-alias', ...one, '--name', 'live')).Description).toBe('in use')
  expect((await aws('list-aliases', ...one)).Aliases).toHaveLength(1)
  await aws('put-function-concurrency', ...one, '--reserved-concurrent-executions', '3')
  expect(await aws('get-function-concurrency', ...one)).toEqual({ ReservedConcurrentExecutions: 3 })
  const provisioned = [...one, '--qualifier', 'live']
  await aws('put-provisioned-concurrency-config', ...provisioned, '--provisioned-concurrent-executions', '1')
  expect(
    (await aws('get-provisioned-concurrency-config', ...provisioned)).RequestedProvisionedConcurrentExecutions,
  ).toBe(1)
  expect((await aws('list-provisioned-concurrency-configs', ...one)).ProvisionedConcurrencyConfigs).toHaveLength(1)
  await aws('delete-provisioned-concurrency-config', ...provisioned)
  await aws('delete-function-concurrency', ...one)
})

it('permissions, event settings, mappings, URLs', async () => {
  const statement = ['--statement-id', 'events']
  await aws(
    'add-permission',
    ...one,
    ...statement,
    '--action',
    'lambda:InvokeFunction',
    '--principal',
    'events.amazonaws.com',
  )
  expect((await aws('get-policy', ...one)).Policy).toContain('events.amazonaws.com')
  await aws('remove-permission', ...one, ...statement)
  await aws('put-function-event-invoke-config', ...one, '--maximum-retry-attempts', '1')
  await aws('update-function-event-invoke-config', ...one, '--maximum-event-age-in-seconds', '60')
  expect((await aws('get-function-event-invoke-config', ...one)).MaximumRetryAttempts).toBe(1)
  expect((await aws('list-function-event-invoke-configs', ...one)).FunctionEventInvokeConfigs).toHaveLength(1)
  await aws('delete-function-event-invoke-config', ...one)
  const { region, accountId } = fabric.connection
  const source = ['--event-source-arn', `arn:aws:jetstream:${region}:${accountId}:stream/tour`]
  const made = await aws(
    'create-event-source-mapping',
    ...one,
    ...source,
    '--starting-position',
    'LATEST',
    '--no-enabled',
  )
  const uuid = ['--uuid', made.UUID]
  await aws('update-event-source-mapping', ...uuid, '--batch-size', '7')
  expect((await aws('get-event-source-mapping', ...uuid)).BatchSize).toBe(7)
  expect((await aws('list-event-source-mappings', ...one)).EventSourceMappings).toHaveLength(1)
  await aws('delete-event-source-mapping', ...uuid)
  await aws('create-function-url-config', ...one, '--auth-type', 'AWS_IAM')
  await aws('update-function-url-config', ...one, '--cors', 'AllowOrigins=*')
  expect((await aws('get-function-url-config', ...one)).Cors).toEqual({ AllowOrigins: ['*'] })
  expect((await aws('list-function-url-configs', ...one)).FunctionUrlConfigs).toHaveLength(1)
  await aws('delete-function-url-config', ...one)
})

it('layers', async () => {
  const layer = ['--layer-name', 'tools']
  const made = await aws(
    'publish-layer-version',
    ...layer,
    '--zip-file',
    'fileb://f.zip',
    '--compatible-runtimes',
    'nodejs24.x',
  )
  const version = [...layer, '--version-number', '1']
  expect((await aws('get-layer-version', ...version)).LayerVersionArn).toBe(made.LayerVersionArn)
  expect((await aws('get-layer-version-by-arn', '--arn', made.LayerVersionArn)).Version).toBe(1)
  expect((await aws('list-layers')).Layers).toHaveLength(1)
  expect((await aws('list-layer-versions', ...layer)).LayerVersions).toHaveLength(1)
  const statement = ['--statement-id', 'all']
  await aws(
    'add-layer-version-permission',
    ...version,
    ...statement,
    '--action',
    'lambda:GetLayerVersion',
    '--principal',
    '*',
  )
  expect((await aws('get-layer-version-policy', ...version)).Policy).toContain('lambda:GetLayerVersion')
  await aws('remove-layer-version-permission', ...version, ...statement)
  expect((await aws('update-function-configuration', ...one, '--layers', made.LayerVersionArn)).Layers).toHaveLength(1)
  await aws('delete-layer-version', ...version)
})

it('code signing, runtimes, tags, the account', async () => {
  const publisher = `arn:aws:signer:us-east-1:${fabric.connection.accountId}:/signing-profiles/tour/${'A'.repeat(43)}`
  const made = await aws('create-code-signing-config', '--allowed-publishers', `SigningProfileVersionArns=${publisher}`)
  const config = ['--code-signing-config-arn', made.CodeSigningConfig.CodeSigningConfigArn]
  await aws('update-code-signing-config', ...config, '--description', 'of the tour')
  expect((await aws('get-code-signing-config', ...config)).CodeSigningConfig.Description).toBe('of the tour')
  expect((await aws('list-code-signing-configs')).CodeSigningConfigs).toHaveLength(1)
  await aws('put-function-code-signing-config', ...one, ...config)
  expect((await aws('get-function-code-signing-config', ...one)).FunctionName).toBe('one')
  expect((await aws('list-functions-by-code-signing-config', ...config)).FunctionArns).toHaveLength(1)
  await aws('delete-function-code-signing-config', ...one)
  await aws('delete-code-signing-config', ...config)
  await aws('put-runtime-management-config', ...one, '--update-runtime-on', 'Auto')
  expect((await aws('get-runtime-management-config', ...one)).UpdateRuntimeOn).toBe('Auto')
  const resource = ['--resource', arnOf('function:one')]
  await aws('tag-resource', ...resource, '--tags', 'team=a,stage=b')
  await aws('untag-resource', ...resource, '--tag-keys', 'stage')
  expect(await aws('list-tags', ...resource)).toEqual({ Tags: { team: 'a' } })
  expect((await aws('get-account-settings')).AccountUsage.FunctionCount).toBe(1)
})

it('what was made is deleted, a refusal is told in its own words, and all that the CLI knows has been called', async () => {
  await aws('delete-alias', ...one, '--name', 'live')
  await aws('delete-function', ...one)
  await expect(aws('get-function', ...one)).rejects.toMatchObject({
    stderr: expect.stringContaining(
      `An error occurred (ResourceNotFoundException) when calling the GetFunction operation: Function not found: ${arnOf('function:one')}`,
    ),
  })
  const { operations } = JSON.parse(readFileSync(cliModel, 'utf8')) as { operations: Readonly<Record<string, unknown>> }
  const known = [...servedOperations, 'Invoke', 'InvokeAsync'].filter((name) => Object.hasOwn(operations, name))
  called.delete('Wait')
  expect([...called].toSorted()).toEqual(known.toSorted())
})
