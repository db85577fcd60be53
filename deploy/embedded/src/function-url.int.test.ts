import { request as httpRequest, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda'
import { startFabric } from '@weft/kit'
import { expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'

const folder = fileURLToPath(new URL('../../../examples/prime-stream/', import.meta.url))
const FunctionName = 'prime-stream'

/** GET by the host name of a URL, whatever that name leads to here. */
const get = (endpoint: string, url: string, onResponse: (response: IncomingMessage) => void): void => {
  const { host, pathname, search } = new URL(url)
  const { hostname, port } = new URL(endpoint)
  httpRequest({ hostname, port, path: pathname + search, headers: { host } }, onResponse).end()
}

test('a function streams through its URL, through the API, and is collected by Invoke', async () => {
  await using fabric = await startFabric()
  const { http, region, accessKeyId, secretAccessKey, accountId } = fabric.connection
  const client = new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
  await client.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 60, MemorySize: 512 },
      Role: `arn:aws:iam::${accountId}:role/weft-full-access`,
      Code: { ZipFile: await zipFolder(folder) },
    }),
  )
  const { FunctionUrl = '' } = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM' }),
  )
  const refused = await new Promise<IncomingMessage>((resolve) => get(http, FunctionUrl, resolve))
  expect(refused.resume().statusCode).toBe(403)
  await client.send(
    new AddPermissionCommand({
      ...{ FunctionName, StatementId: 'public', Action: 'lambda:InvokeFunctionUrl', Principal: '*' },
      FunctionUrlAuthType: 'NONE',
    }),
  )

  const byName = await new Promise<{ response: IncomingMessage; primes: number; parts: number }>((resolve) =>
    get(http, `${FunctionUrl}?below=1000000`, (response) => {
      let text = ''
      let parts = 0
      response.on('data', (part: Buffer) => {
        text += part
        parts += 1
      })
      response.on('end', () => resolve({ response, parts, primes: text.trim().split('\n').length }))
    }),
  )
  expect(byName.response.headers).toMatchObject({ 'content-type': 'text/plain', 'transfer-encoding': 'chunked' })
  expect(byName.primes).toBe(78_498)
  expect(byName.parts).toBeGreaterThan(1)

  const [urlId] = new URL(FunctionUrl).hostname.split('.')
  const wrong = await fetch(`${http}/_url/${urlId}/?below=1`)
  expect([wrong.status, await wrong.text()]).toEqual([400, 'below must be a whole number from 2 to 10000000\n'])

  const event = Buffer.from('{"queryStringParameters":{"below":"12"}}')
  const { EventStream = [] } = await client.send(
    new InvokeWithResponseStreamCommand({ FunctionName, Payload: event, LogType: 'Tail' }),
  )
  let streamed = ''
  let log = ''
  for await (const { PayloadChunk, InvokeComplete } of EventStream) {
    streamed += Buffer.from(PayloadChunk?.Payload ?? []).toString()
    log += Buffer.from(InvokeComplete?.LogResult ?? '', 'base64').toString()
  }
  const prelude = '{"statusCode":200,"headers":{"content-type":"text/plain","cache-control":"no-store"}}'
  expect(streamed).toBe(`${prelude}${'\0'.repeat(8)}2\n3\n5\n7\n11\n`)
  expect(log).toContain('5 primes below 12')
  const collected = await client.send(new InvokeCommand({ FunctionName, Payload: event }))
  expect(collected.Payload?.transformToString()).toBe(streamed)
  client.destroy()
})
