import { request as httpRequest, type IncomingMessage } from 'node:http'
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  type CreateFunctionUrlConfigCommandInput,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'
import type { InvokeCall, InvokeOutcome } from '@weft/contracts'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  account,
  echo,
  keys,
  otherAccount,
  otherKeys,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from '../../testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
let names = 0

beforeAll(async () => {
  frontend = await startTestFrontend()
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
})
beforeEach(() => {
  frontend.invoker.answer = echo
})

/** A new function with a URL that everybody may call; its host name. */
async function site(config: Partial<CreateFunctionUrlConfigCommandInput> = {}, permit = true): Promise<string> {
  names += 1
  const FunctionName = config.FunctionName ?? `site-${names}`
  const settings = { Role: role, Handler: 'index.handler', Runtime: 'nodejs24.x' } as const
  await client.send(new CreateFunctionCommand({ FunctionName, Code: { ZipFile: await zipOf() }, ...settings }))
  if (config.Qualifier !== undefined)
    await client.send(new CreateAliasCommand({ FunctionName, Name: config.Qualifier, FunctionVersion: '$LATEST' }))
  const url = await client.send(new CreateFunctionUrlConfigCommand({ AuthType: 'NONE', ...config, FunctionName }))
  if (permit) await grant(FunctionName, config.Qualifier)
  return new URL(url.FunctionUrl ?? '').host
}

const grant = (FunctionName: string, Qualifier?: string) =>
  client.send(
    new AddPermissionCommand({
      ...{ FunctionName, StatementId: 'public', Action: 'lambda:InvokeFunctionUrl', Principal: '*' },
      FunctionUrlAuthType: 'NONE',
      ...(Qualifier !== undefined && { Qualifier }),
    }),
  )

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

/** An unsigned request; `onPart` sees the body as it comes. */
const ask = (
  host: string,
  path = '/',
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string | string[]>>
    readonly body?: string | Buffer
    readonly onPart?: (text: string, response: IncomingMessage) => void
  } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(frontend.endpoint)
    const { method = 'GET', headers = {}, body } = options
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method, headers: { host, ...lengthOf(body), ...headers } },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
          options.onPart?.(part, response)
        })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      },
    )
    request.on('error', reject)
    request.end(body)
  })

/** Node leaves it out for methods that seldom have a body. */
const lengthOf = (body: string | Buffer | undefined) =>
  body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }

const returns = (value: unknown, more: Partial<InvokeOutcome> = {}) => {
  frontend.invoker.answer = (call) =>
    ({
      ...echo(call),
      payload: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      ...more,
    }) as InvokeOutcome
}

describe('a function URL gives its function an event in payload format 2.0', () => {
  it('with everything of the request', async () => {
    const host = await site()
    const [urlId = ''] = host.split('.')
    const { status, headers, text } = await ask(host, '/a%20b/c?x=1&x=2&y=%C3%A4', {
      method: 'POST',
      headers: {
        'Content-Type': 'text/plain',
        'X-Two': ['1', '2'],
        Cookie: 'a=1; b=2',
        'User-Agent': 'test',
        'X-Amzn-Trace-Id': 'Root=1-5759e988-bd862e3fe1be46a994272793',
      },
      body: 'hällo',
    })
    expect([status, headers['content-type']]).toEqual([200, 'application/json'])
    const domainName = host.replace(/:\d+$/, '')
    const port = host.split(':')[1]
    expect(JSON.parse(text)).toEqual({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/a%20b/c',
      rawQueryString: 'x=1&x=2&y=%C3%A4',
      cookies: ['a=1', 'b=2'],
      headers: {
        host,
        'content-type': 'text/plain',
        'content-length': '6',
        connection: expect.any(String),
        'user-agent': 'test',
        'x-two': '1,2',
        'x-amzn-trace-id': 'Root=1-5759e988-bd862e3fe1be46a994272793',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-port': port,
        'x-forwarded-proto': 'http',
      },
      queryStringParameters: { x: '1,2', y: 'ä' },
      requestContext: {
        accountId: 'anonymous',
        apiId: urlId,
        domainName,
        domainPrefix: urlId,
        http: {
          method: 'POST',
          path: '/a%20b/c',
          protocol: 'HTTP/1.1',
          sourceIp: '127.0.0.1',
          userAgent: 'test',
        },
        requestId: headers['x-amzn-requestid'],
        routeKey: '$default',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: expect.any(Number),
      },
      body: 'hällo',
      isBase64Encoded: false,
    })
    const call = frontend.invoker.calls.at(-1)
    expect(call?.requestId).toBe(headers['x-amzn-requestid'])
    expect(call?.target.invokedArn).toBe(`arn:aws:lambda:us-east-1:${account}:function:site-${names}`)
  })

  it('without members for what the request does not have, by path as by host', async () => {
    const host = await site()
    const [urlId] = host.split('.')
    const { text } = await ask('localhost', `/_url/${urlId}/deep`)
    const event = JSON.parse(text)
    expect(Object.keys(event).sort()).toEqual(
      ['version', 'routeKey', 'rawPath', 'rawQueryString', 'headers', 'requestContext', 'isBase64Encoded'].sort(),
    )
    expect([event.rawPath, event.requestContext.http.path]).toEqual(['/deep', '/deep'])
    expect(event.headers['x-amzn-trace-id']).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/)
  })

  it('of the alias it belongs to', async () => {
    const host = await site({ Qualifier: 'live' })
    expect((await ask(host)).status).toBe(200)
    expect(frontend.invoker.calls.at(-1)?.target.invokedArn).toMatch(/:live$/)
  })
})

describe('its answer', () => {
  it('is the response that the function returns', async () => {
    const host = await site()
    returns({ statusCode: 418, headers: { 'X-Own': 'y' }, cookies: ['a=1', 'b=2; Secure'], body: 'tea' })
    const { status, headers, text } = await ask(host)
    expect([status, headers['x-own'], headers['set-cookie'], text]).toEqual([418, 'y', ['a=1', 'b=2; Secure'], 'tea'])
    expect((await ask(host, '/', { method: 'HEAD' })).status).toBe(418)
  })

  it('is the response of a function that streams, too, once it is whole', async () => {
    const host = await site()
    returns(`{"statusCode":206,"headers":{"x-own":"y"}}${'\0'.repeat(8)}the body`)
    const { status, headers, text } = await ask(host)
    expect([status, headers['x-own'], headers['content-type'], text]).toEqual([
      ...[206, 'y', 'application/octet-stream', 'the body'],
    ])
  })

  it.each([
    ['a function error', { kind: 'function-error' }, 502],
    ['a throttle', { kind: 'throttled', reason: 'ConcurrentInvocationLimitExceeded', retryAfterSeconds: 1 }, 429],
    ['a failure of the platform', { kind: 'platform-error', detail: 'x', mayHaveRun: false }, 500],
  ] as const)('tells of %s', async (_what, outcome, status) => {
    const host = await site()
    returns('{"errorType":"E"}', outcome)
    const got = await ask(host)
    expect(got.status).toBe(status)
    if (status === 502) expect(got.text).toBe('Internal Server Error')
  })

  it('is 502 when the function answers what cannot be sent', async () => {
    const host = await site()
    returns({ statusCode: 200, headers: { a: 'b\r\nc: d' } })
    expect(await ask(host)).toMatchObject({ status: 502, text: 'Internal Server Error' })
  })

  it('is 413 for a body, or an event, of more than 6 MB', async () => {
    const host = await site()
    const calls = frontend.invoker.calls.length
    const post = (bytes: number) => ask(host, '/', { method: 'POST', body: Buffer.alloc(bytes, 'x') })
    expect((await post(6_291_457)).status).toBe(413)
    expect((await post(5_000_000)).status).toBe(413)
    expect(frontend.invoker.calls).toHaveLength(calls)
  })
})

describe('who may call', () => {
  const forbidden = { status: 403, text: expect.stringContaining('"Message":"Forbidden') }

  it('is up to the policy of the function, also where no signature is asked for', async () => {
    const host = await site({}, false)
    const FunctionName = `site-${names}`
    expect(await ask(host)).toMatchObject(forbidden)
    await grant(FunctionName)
    expect((await ask(host)).status).toBe(200)
    await client.send(new RemovePermissionCommand({ FunctionName, StatementId: 'public' }))
    expect(await ask(host)).toMatchObject(forbidden)
  })

  it('is nobody when the account is disabled', async () => {
    const host = await site()
    const stored = frontend.catalogue.accountStore.entries.get(account)?.value ?? expect.fail('no account')
    frontend.catalogue.accountStore.put(account, { ...stored, disabled: true })
    expect(await ask(host)).toMatchObject(forbidden)
    frontend.catalogue.accountStore.put(account, stored)
    expect((await ask(host)).status).toBe(200)
  })

  it('is nobody where there is no URL', async () => {
    expect(await ask(`${'a'.repeat(32)}.lambda-url.us-east-1.localhost`)).toMatchObject(forbidden)
  })

  it('is who signs and is allowed to where AWS_IAM is asked for', async () => {
    const host = await site({ AuthType: 'AWS_IAM' }, false)
    const FunctionName = `site-${names}`
    expect(await ask(host)).toMatchObject(forbidden)
    const signed = (as: typeof keys, tamper?: { body: Buffer }) =>
      rawRequest(frontend.endpoint, {
        ...{ path: '/x?a=1', body: 'b', keys: as, headers: { host } },
        ...(tamper && { tamper: () => tamper }),
      })
    const own = await signed(keys)
    expect(own.status).toBe(200)
    expect(JSON.parse(own.text).requestContext).toMatchObject({
      accountId: account,
      authorizer: {
        iam: {
          ...{ accessKey: keys.accessKeyId, accountId: account, callerId: account, cognitoIdentity: null },
          ...{ principalOrgId: null, userArn: `arn:aws:iam::${account}:root`, userId: account },
        },
      },
    })
    expect((await signed(keys, { body: Buffer.from('c') })).status).toBe(403)
    expect((await signed({ ...keys, secretAccessKey: 'wrong' })).code).toBe('InvalidSignatureException')
    expect((await signed(otherKeys)).status).toBe(403)
    await client.send(
      new AddPermissionCommand({
        ...{ FunctionName, StatementId: 'other', Action: 'lambda:InvokeFunctionUrl', Principal: otherAccount },
        FunctionUrlAuthType: 'AWS_IAM',
      }),
    )
    expect((await signed(otherKeys)).status).toBe(200)
  })
})

describe('CORS', () => {
  const Cors = {
    ...{ AllowOrigins: ['https://app.example'], AllowMethods: ['PUT'], AllowHeaders: ['x-a'], MaxAge: 5 },
    ExposeHeaders: ['x-b'],
  }
  it('answers preflights itself, to anybody, and marks every other answer', async () => {
    const host = await site({ Cors, AuthType: 'AWS_IAM' })
    const calls = frontend.invoker.calls.length
    const origin = 'https://app.example'
    const preflight = await ask(host, '/', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' },
    })
    expect(preflight).toMatchObject({
      status: 200,
      text: '',
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'PUT',
        'access-control-allow-headers': 'x-a',
        'access-control-max-age': '5',
      },
    })
    const refused = await ask(host, '/', { headers: { origin } })
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([403, origin])
    expect(frontend.invoker.calls).toHaveLength(calls)
    const open = await site({ Cors })
    returns({ statusCode: 200, headers: { 'Access-Control-Allow-Origin': '*' }, body: '' })
    expect((await ask(open, '/', { headers: { origin } })).headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'x-b',
    })
    expect((await ask(open, '/', { headers: { origin: 'https://x' } })).headers).not.toHaveProperty(
      'access-control-expose-headers',
    )
  })
})

describe('in mode RESPONSE_STREAM', () => {
  const InvokeMode = 'RESPONSE_STREAM'
  const httpStream = 'application/vnd.awslambda.http-integration-response'
  const ended = (call: InvokeCall, more = {}): InvokeOutcome =>
    ({ ...echo(call), payload: Buffer.alloc(0), ...more }) as InvokeOutcome
  const prelude = (head: object) => `${JSON.stringify(head)}${'\0'.repeat(8)}`
  /** Streams parts, each when the last was taken and `gate` lets it. */
  const streams = (contentType: string, parts: readonly string[], gate: () => Promise<void> | void, end = ended) => {
    frontend.invoker.answer = async (call) => {
      call.sink?.begin({ contentType, executedVersion: '$LATEST' })
      for (const part of parts) {
        await new Promise<void>((taken) => call.sink?.write(Buffer.from(part), taken))
        await gate()
      }
      return end(call)
    }
  }

  it('gives status, headers and cookies at once, and parts as they come', async () => {
    const host = await site({ InvokeMode })
    const seen = Promise.withResolvers<void>()
    const head = prelude({ statusCode: 202, headers: { 'content-type': 'text/html' }, cookies: ['a=1'] })
    let parts = 0
    streams(httpStream, [`${head}first`, 'second'], () => (parts++ === 0 ? seen.promise : undefined))
    const answer = await ask(host, '/', { onPart: () => seen.resolve() })
    expect(answer).toMatchObject({ status: 202, text: 'firstsecond' })
    expect(answer.headers).toMatchObject({ 'content-type': 'text/html', 'set-cookie': ['a=1'] })
    expect(answer.headers['transfer-encoding']).toBe('chunked')
  })

  it('streams what has no prelude as the body of a 200', async () => {
    const host = await site({ InvokeMode })
    streams('text/csv', ['a,', 'b'], () => undefined)
    const { status, headers, text } = await ask(host)
    expect([status, headers['content-type'], text]).toEqual([200, 'text/csv', 'a,b'])
  })

  it('gives the answer of a function that does not stream as it is', async () => {
    const host = await site({ InvokeMode })
    returns({ statusCode: 201, body: 'x' })
    expect(await ask(host)).toMatchObject({ status: 200, text: '{"statusCode":201,"body":"x"}' })
  })

  it('is 502 as long as nothing was sent, and breaks off after that', async () => {
    const host = await site({ InvokeMode })
    const failed = (call: InvokeCall): InvokeOutcome => ended(call, { kind: 'function-error' })
    streams(httpStream, ['{"statusCode"'], () => undefined, failed)
    expect(await ask(host)).toMatchObject({ status: 502, text: 'Internal Server Error' })
    streams(httpStream, [`{}${'\0'.repeat(7)}`, 'x'], () => undefined)
    expect(await ask(host)).toMatchObject({ status: 502 })
    returns('{}', { kind: 'function-error' })
    expect(await ask(host)).toMatchObject({ status: 502 })
    streams('text/plain', ['part'], () => undefined, failed)
    await expect(ask(host)).rejects.toThrow('aborted')
  })
})

it('whatever is asked, the function gets a whole event of it and the client an answer', async () => {
  const host = await site()
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter((name) => !reserved.has(name))
  const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/)
  const path = fc.stringMatching(/^\/[!-"$->@-~]{0,40}$/)
  const query = fc.stringMatching(/^[!-"$-~]{0,40}$/)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
      ...([path, query, fc.dictionary(token, value, { maxKeys: 6, noNullPrototype: true }), fc.uint8Array()] as const),
      async (method, rawPath, rawQuery, headers, bytes) => {
        const target = rawQuery === '' ? rawPath : `${rawPath}?${rawQuery}`
        const { status, text } = await ask(host, target, { method, headers, body: Buffer.from(bytes) })
        expect(status).toBe(200)
        const event = JSON.parse(text)
        expect([event.rawPath, event.rawQueryString, event.requestContext.http.method]).toEqual([
          rawPath,
          rawQuery,
          method,
        ])
        expect(event.headers).toMatchObject(headers)
        expect(Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8').equals(bytes)).toBe(true)
      },
    ),
    { numRuns: 150 },
  )
})

/** Headers that mean something to the connection or to the door. */
const reserved: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'upgrade', 'te', 'trailer', 'cookie'],
  ...['keep-alive', 'content-encoding', 'content-type', 'origin', 'traceparent'],
])
