import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { startFabric } from '@weft/kit'
import { expect, test } from 'vitest'
import { ZipFile } from 'yazl'

const code = `export const handler = async (event) => ({
  statusCode: 200,
  headers: { 'content-type': 'text/plain' },
  body: event.routeKey + ' ' + JSON.stringify(event.pathParameters ?? {}) + ' ' + event.requestContext.stage,
})`

async function zipped(): Promise<Buffer> {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from(code), 'index.mjs')
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

test('the AWS CLI makes an HTTP API, which answers under its host name, survives a restart, and goes', async () => {
  await using fabric = await startFabric()
  const home = await mkdtemp(join(tmpdir(), 'weft-http-api-'))
  await writeFile(join(home, 'f.zip'), await zipped())
  const aws = async (service: string, operation: string, ...args: readonly string[]) => {
    const { http, region, accessKeyId, secretAccessKey } = fabric.connection
    const env = {
      ...{ PATH: '/usr/bin:/bin', HOME: home, AWS_EC2_METADATA_DISABLED: 'true', AWS_DEFAULT_REGION: region },
      ...{ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    }
    const all = ['--endpoint-url', http, '--output', 'json', '--no-cli-pager', service, operation, ...args]
    const { stdout } = await promisify(execFile)('/usr/bin/aws', all, { env, cwd: home })
    return JSON.parse(stdout.trim() === '' ? '{}' : stdout) as Record<string, string>
  }
  const get = (apiId: string, path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(fabric.connection.http)
      const headers = { host: `${apiId}.execute-api.us-east-1.localhost` }
      httpRequest({ hostname, port, path, headers }, (response) => resolve(text(response)))
        .on('error', reject)
        .end()
    })

  const { FunctionArn = '' } = await aws('lambda', 'create-function', ...functionArgs(fabric.connection.accountId))
  await aws('lambda', 'wait', 'function-active-v2', '--function-name', 'shop')
  const made = await aws(
    'apigatewayv2',
    'create-api',
    '--name',
    'shop',
    '--protocol-type',
    'HTTP',
    '--target',
    FunctionArn,
  )
  const { ApiId = '', ApiEndpoint } = made
  expect(ApiEndpoint).toBe(fabric.connection.http.replace('127.0.0.1', `${ApiId}.execute-api.us-east-1.localhost`))
  expect(await get(ApiId, '/x')).toBe('{"message":"Internal Server Error"}')
  await aws(
    ...(['lambda', 'add-permission', '--function-name', 'shop', '--statement-id', 'api'] as const),
    ...['--action', 'lambda:InvokeFunction', '--principal', 'apigateway.amazonaws.com'],
    ...['--source-arn', `arn:aws:execute-api:us-east-1:${fabric.connection.accountId}:${ApiId}/*`],
  )
  expect(await get(ApiId, '/x')).toBe('$default {} $default')
  const { Items } = (await aws('apigatewayv2', 'get-integrations', '--api-id', ApiId)) as unknown as {
    readonly Items: readonly { readonly IntegrationId: string }[]
  }
  const target = `integrations/${Items[0]?.IntegrationId}`
  await aws('apigatewayv2', 'create-route', '--api-id', ApiId, '--route-key', 'GET /pets/{id}', '--target', target)
  expect(await get(ApiId, '/pets/7')).toBe('GET /pets/{id} {"id":"7"} $default')

  expect(await fabric.stop()).toBe(0)
  await fabric.restart()
  await expect.poll(() => get(ApiId, '/pets/8')).toBe('GET /pets/{id} {"id":"8"} $default')
  await aws('apigatewayv2', 'delete-api', '--api-id', ApiId)
  expect(await get(ApiId, '/pets/8')).toBe('{"message":"Not Found"}')
  await rm(home, { recursive: true, force: true })
})

const functionArgs = (accountId: string): readonly string[] => [
  ...['--function-name', 'shop', '--runtime', 'nodejs24.x', '--handler', 'index.handler'],
  ...['--role', `arn:aws:iam::${accountId}:role/weft-full-access`, '--zip-file', 'fileb://f.zip'],
]
