import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import {
  CreateCodeSigningConfigCommand,
  CreateFunctionCommand,
  DeleteCodeSigningConfigCommand,
  DeleteFunctionCodeSigningConfigCommand,
  GetCodeSigningConfigCommand,
  GetFunctionCodeSigningConfigCommand,
  LambdaClient,
  ListCodeSigningConfigsCommand,
  ListFunctionsByCodeSigningConfigCommand,
  ListTagsCommand,
  PublishLayerVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateCodeSigningConfigCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { publicJwk, signPackage, thumbprint } from '@weft/archive'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { account, keys, role, startTestFrontend, type TestFrontend, zipOf } from './testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
let zip: Buffer
const trusted = generateKeyPairSync('ed25519').privateKey
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const profileOf = (key: KeyObject): string =>
  `arn:aws:signer:us-east-1:${account}:/signing-profiles/release/${thumbprint(publicJwk(createPublicKey(key)) ?? {})}`
const arn = `arn:aws:lambda:us-east-1:${account}:function:f`
const missingArn = `arn:aws:lambda:us-east-1:${account}:code-signing-config:csc-00000000000000000`

beforeAll(async () => {
  frontend = await startTestFrontend()
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  zip = await zipOf()
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(() => {
  for (const { store } of [frontend.codeSigning, frontend.layers]) store.entries.clear()
  frontend.catalogue.functionStore.entries.clear()
})

const signed = (key: KeyObject, more: object = {}): Buffer => {
  const result = signPackage(zip, key, { jobId: randomUUID(), ...more })
  if (!result.ok) throw new Error(result.error)
  return result.value
}
async function configure(UntrustedArtifactOnDeployment: 'Warn' | 'Enforce'): Promise<string> {
  const made = await client.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [profileOf(trusted)] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment },
      Tags: { team: 'a' },
    }),
  )
  return made.CodeSigningConfig?.CodeSigningConfigArn ?? ''
}
const create = (ZipFile: Buffer, more: object = {}) =>
  client.send(
    new CreateFunctionCommand({
      FunctionName: 'f',
      Role: role,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Code: { ZipFile },
      ...more,
    }),
  )
const recode = (ZipFile: Buffer) => client.send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile }))
const failed = { name: 'CodeVerificationFailedException', $metadata: { httpStatusCode: 400 } }

it('configs are made, shown, changed, listed, tagged and deleted', async () => {
  const CodeSigningConfigArn = await configure('Warn')
  expect(CodeSigningConfigArn).toMatch(/:code-signing-config:csc-[a-f0-9]{17}$/)
  const update = new UpdateCodeSigningConfigCommand({ CodeSigningConfigArn, Description: 'ours' })
  expect((await client.send(update)).CodeSigningConfig).toMatchObject({
    Description: 'ours',
    AllowedPublishers: { SigningProfileVersionArns: [profileOf(trusted)] },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Warn' },
  })
  const got = await client.send(new GetCodeSigningConfigCommand({ CodeSigningConfigArn }))
  expect(got.CodeSigningConfig?.Description).toBe('ours')
  await configure('Enforce')
  const first = await client.send(new ListCodeSigningConfigsCommand({ MaxItems: 1 }))
  const second = await client.send(new ListCodeSigningConfigsCommand({ Marker: first.NextMarker }))
  expect([...(first.CodeSigningConfigs ?? []), ...(second.CodeSigningConfigs ?? [])]).toHaveLength(2)
  await client.send(new TagResourceCommand({ Resource: CodeSigningConfigArn, Tags: { stage: 'b' } }))
  await client.send(new UntagResourceCommand({ Resource: CodeSigningConfigArn, TagKeys: ['team'] }))
  expect((await client.send(new ListTagsCommand({ Resource: CodeSigningConfigArn }))).Tags).toEqual({ stage: 'b' })
  await client.send(new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn }))
  await expect(client.send(new GetCodeSigningConfigCommand({ CodeSigningConfigArn }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: `The Lambda code signing configuration ${CodeSigningConfigArn} can not be found.`,
  })
  await expect(
    client.send(
      new CreateCodeSigningConfigCommand({
        AllowedPublishers: { SigningProfileVersionArns: [`arn:aws:signer:us-east-1:${account}:/signing-profiles/x`] },
      }),
    ),
  ).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
})

it('a function has one, and a config in use cannot be deleted', async () => {
  const CodeSigningConfigArn = await configure('Warn')
  await create(zip)
  const get = new GetFunctionCodeSigningConfigCommand({ FunctionName: 'f' })
  expect((await client.send(get)).CodeSigningConfigArn).toBeUndefined()
  const put = (wanted: string) =>
    client.send(new PutFunctionCodeSigningConfigCommand({ FunctionName: 'f', CodeSigningConfigArn: wanted }))
  await expect(put(missingArn)).rejects.toMatchObject({
    name: 'CodeSigningConfigNotFoundException',
    message: `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${missingArn}.`,
  })
  // The same config in another partition is another one, or none.
  await expect(put(CodeSigningConfigArn.replace('arn:aws:', 'arn:aws-cn:'))).rejects.toMatchObject({
    name: 'CodeSigningConfigNotFoundException',
  })
  await put(CodeSigningConfigArn)
  expect(await client.send(get)).toMatchObject({ CodeSigningConfigArn, FunctionName: 'f' })
  const users = await client.send(new ListFunctionsByCodeSigningConfigCommand({ CodeSigningConfigArn }))
  expect(users.FunctionArns).toEqual([arn])
  const remove = new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn })
  await expect(client.send(remove)).rejects.toMatchObject({ name: 'ResourceConflictException' })
  await client.send(new DeleteFunctionCodeSigningConfigCommand({ FunctionName: 'f' }))
  await client.send(remove)
  await expect(client.send(new GetFunctionCodeSigningConfigCommand({ FunctionName: 'missing' }))).rejects.toMatchObject(
    { name: 'ResourceNotFoundException' },
  )
})

it('under Enforce only what a publisher has signed gets in', async () => {
  const CodeSigningConfigArn = await configure('Enforce')
  for (const one of [zip, signed(stranger), signed(trusted, { expiresAtMs: Date.now() - 1_000 })])
    await expect(create(one, { CodeSigningConfigArn })).rejects.toMatchObject(failed)
  const made = await create(signed(trusted, { expiresAtMs: Date.now() + 3_600_000 }), { CodeSigningConfigArn })
  expect(made.SigningProfileVersionArn).toBe(profileOf(trusted))
  expect(made.SigningJobArn).toMatch(/^arn:aws:signer:us-east-1:\d{12}:\/signing-jobs\/[0-9a-f-]{36}$/)
  await expect(recode(zip)).rejects.toMatchObject(failed)
  expect((await recode(signed(trusted))).LastUpdateStatus).toBe('InProgress')
  const broken = Buffer.from(signed(trusted))
  broken[broken.length - 3] = broken.at(-3) === 0x41 ? 0x42 : 0x41
  await expect(recode(broken)).rejects.toMatchObject({ name: 'InvalidCodeSignatureException' })
})

it('under Warn everything gets in but what carries a broken signature', async () => {
  const CodeSigningConfigArn = await configure('Warn')
  expect((await create(zip, { CodeSigningConfigArn })).SigningProfileVersionArn).toBeUndefined()
  await recode(signed(stranger))
  const other = await zipOf([{ name: 'index.mjs', content: 'export const handler = 2\n' }])
  const token = signed(trusted).subarray(zip.length)
  const moved = Buffer.concat([other, token])
  moved.writeUInt16LE(token.length, other.length - 2)
  await expect(recode(moved)).rejects.toMatchObject({
    name: 'InvalidCodeSignatureException',
    message:
      'The code signature failed the integrity check. If the integrity check fails, then Lambda blocks deployment, even if the code signing policy is set to WARN.',
  })
})

it('layers must be signed like packages', async () => {
  const CodeSigningConfigArn = await configure('Enforce')
  const publish = async (LayerName: string, ZipFile: Buffer): Promise<string> => {
    const made = await client.send(new PublishLayerVersionCommand({ LayerName, Content: { ZipFile } }))
    return made.LayerVersionArn ?? ''
  }
  const plain = await publish('plain', zip)
  const good = await publish('good', signed(trusted))
  await expect(create(signed(trusted), { CodeSigningConfigArn, Layers: [plain] })).rejects.toMatchObject(failed)
  await create(signed(trusted), { CodeSigningConfigArn, Layers: [good] })
  const configureLayers = (Layers: string[]) =>
    client.send(new UpdateFunctionConfigurationCommand({ FunctionName: 'f', Layers }))
  await expect(configureLayers([good, plain])).rejects.toMatchObject(failed)
  expect((await configureLayers([good])).Layers).toHaveLength(1)
})

it('a function whose config is gone takes no new code', async () => {
  const CodeSigningConfigArn = await configure('Warn')
  await create(zip, { CodeSigningConfigArn })
  frontend.codeSigning.store.entries.clear()
  await expect(recode(zip)).rejects.toMatchObject({ name: 'CodeSigningConfigNotFoundException' })
})
