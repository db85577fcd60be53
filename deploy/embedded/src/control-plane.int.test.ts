import { join } from 'node:path'
import { CreateFunctionCommand, InvokeCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda'
import { startFabric, type TestFabric } from '@weft/kit'
import { loadKeyring, openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ZipFile } from 'yazl'

const functions = 1_000
const side = 8
let fabric: TestFabric
let client: LambdaClient
let zip: Buffer

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  const { http: endpoint, region, accessKeyId, secretAccessKey } = fabric.connection
  client = new LambdaClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } })
  const file = new ZipFile()
  file.addBuffer(Buffer.from('export const handler = async (event) => event\n'), 'index.mjs')
  file.end()
  const parts: Buffer[] = []
  for await (const part of file.outputStream) parts.push(part as Buffer)
  zip = Buffer.concat(parts)
})
afterAll(async () => {
  client?.destroy()
  await fabric?.[Symbol.asyncDispose]()
})

const nameOf = (n: number): string => `f-${String(n).padStart(4, '0')}`
const create = (FunctionName: string) =>
  client.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: `arn:aws:iam::${fabric.connection.accountId}:role/test`,
      Code: { ZipFile: zip },
    }),
  )

test('a thousand functions are made and listed, page by page, each once and in order', async () => {
  let next = 0
  const maker = async (): Promise<void> => {
    while (next < functions) await create(nameOf(next++))
  }
  await Promise.all(Array.from({ length: side }, maker))
  const pages: string[][] = []
  for await (const { Functions } of paginateListFunctions({ client }, { MaxItems: 50 }))
    pages.push((Functions ?? []).map(({ FunctionName }) => FunctionName ?? ''))
  expect(pages.flat()).toEqual(Array.from({ length: functions }, (_, n) => nameOf(n)))
  expect(pages.length).toBeGreaterThanOrEqual(functions / 50)
  expect(pages.every((page) => page.length <= 50)).toBe(true)
})

test('calls read nothing from the store', async () => {
  const creds = await loadKeyring(join(fabric.dataDir, 'keys'), { tenantStorageBytes: 0 }).serviceCreds('admin')
  const servers = [fabric.connection.nats]
  await using admin = await openLink({ servers, name: 'watcher', creds, log: silentLogger })
  await create('hot')
  const call = () => client.send(new InvokeCommand({ FunctionName: 'hot', Payload: '{"a":1}' }))
  await call()
  const asked: string[] = []
  const listen = (subject: string) =>
    admin.connection.subscribe(subject, { callback: (_error, message) => void asked.push(message.subject) })
  for (const subject of ['$JS.API.STREAM.MSG.GET.>', '$JS.API.DIRECT.GET.>', '$JS.API.CONSUMER.CREATE.>'])
    listen(subject)
  await admin.connection.flush()
  for (let n = 0; n < 100; n++) expect((await call()).StatusCode).toBe(200)
  await admin.connection.flush()
  const ofCatalogue = asked.filter((subject) => /weft-(functions|accounts|identities|layers)/.test(subject))
  expect(ofCatalogue).toEqual([])
  // The listener hears what is asked: a function that is not known is looked for.
  await expect(client.send(new InvokeCommand({ FunctionName: 'cold' }))).rejects.toThrow('Function not found')
  await expect.poll(() => asked.filter((subject) => subject.includes('weft-functions'))).not.toEqual([])
})
