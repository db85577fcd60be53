import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'
import type { InvokeOutcome } from '@weft/contracts'
import { FakeClock } from '@weft/platform/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { frontendDefaults } from '../config.ts'
import {
  account,
  echo,
  keys,
  otherKeys,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from '../testing/index.ts'

let frontend: TestFrontend
let client: LambdaClient
let issuer: Server
let issuerUrl: string
const pair = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const functionArn = `arn:aws:lambda:us-east-1:${account}:function:site`

beforeAll(async () => {
  issuer = createServer((request, response) => {
    const jwks = { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] }
    const about = { issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` }
    response.end(JSON.stringify(request.url === '/keys' ? jwks : about))
  })
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve))
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
  frontend = await startTestFrontend({}, { ...frontendDefaults, plainIssuers: [issuerUrl] })
  client = new LambdaClient({ endpoint: frontend.endpoint, region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  const settings = { Role: role, Handler: 'index.handler', Runtime: 'nodejs24.x' } as const
  await client.send(new CreateFunctionCommand({ FunctionName: 'site', Code: { ZipFile: await zipOf() }, ...settings }))
  await permit()
})
afterAll(async () => {
  client.destroy()
  await frontend[Symbol.asyncDispose]()
  issuer.closeAllConnections()
  await new Promise((resolve) => issuer.close(resolve))
})
beforeEach(() => {
  frontend.invoker.answer = echo
})

const permit = (SourceArn = `arn:aws:execute-api:us-east-1:${account}:*`, StatementId = 'apis') =>
  client.send(
    new AddPermissionCommand({
      ...{ FunctionName: 'site', StatementId, Action: 'lambda:InvokeFunction', SourceArn },
      Principal: 'apigateway.amazonaws.com',
    }),
  )

/** What the management API shows of anything. */
interface Resource {
  readonly apiId: string
  readonly integrationId: string
  readonly authorizerId: string
  readonly routeId: string
  readonly message: string
  readonly items: readonly Resource[]
}

interface Managed {
  readonly status: number
  readonly json: Resource
}

/** A call of the management API. */
async function manage(method: string, path: string, body?: object, as = keys): Promise<Managed> {
  const { status, text } = await rawRequest(frontend.endpoint, {
    ...{ method, path: `/v2${path}`, service: 'apigateway', keys: as },
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  return { status, json: JSON.parse(text === '' ? '{}' : text) }
}

const create = async (path: string, body: object) => {
  const { status, json } = await manage('POST', path, body)
  if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`)
  return json
}

/** An API with one integration and a stage `$default`; routes lead to the integration. */
async function api(
  routes: readonly (string | object)[],
  more: { readonly api?: object; readonly integration?: object; readonly stage?: object } = {},
) {
  const { apiId } = await create('/apis', { name: 'shop', protocolType: 'HTTP', ...more.api })
  const { integrationId } = await create(`/apis/${apiId}/integrations`, {
    ...{ integrationType: 'AWS_PROXY', integrationUri: functionArn, payloadFormatVersion: '2.0' },
    ...more.integration,
  })
  const target = `integrations/${integrationId}`
  for (const route of routes)
    await create(`/apis/${apiId}/routes`, { target, ...(typeof route === 'string' ? { routeKey: route } : route) })
  await create(`/apis/${apiId}/stages`, { stageName: '$default', autoDeploy: true, ...more.stage })
  return {
    apiId: apiId as string,
    integrationId: integrationId as string,
    host: `${apiId}.execute-api.us-east-1.localhost`,
  }
}

/** What the function got, which most answers echo. */
interface Event {
  readonly routeKey: string
  readonly requestContext: { readonly authorizer: { readonly jwt: { readonly scopes: unknown } } }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly json: Event
}

const ask = (
  host: string,
  path = '/',
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { port } = new URL(frontend.endpoint)
    const options = { host: '127.0.0.1', port, path, method, headers: { host, ...headers } }
    httpRequest(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        const json = JSON.parse(text.startsWith('{') ? text : '{}')
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
      .on('error', reject)
      .end(body)
  })

const returns = (value: unknown, more: Partial<InvokeOutcome> = {}) => {
  frontend.invoker.answer = (call) =>
    ({ ...echo(call), payload: Buffer.from(JSON.stringify(value)), ...more }) as InvokeOutcome
}

describe('a request', () => {
  it('reaches the function by its route, as payload 2.0', async () => {
    const { host, apiId } = await api(['GET /pets/{kind}', 'ANY /{rest+}'], {
      stage: { stageVariables: { colour: 'red' } },
    })
    const { status, json } = await ask(host, '/pets/dog?x=1')
    expect(status).toBe(200)
    expect(json).toMatchObject({
      version: '2.0',
      routeKey: 'GET /pets/{kind}',
      rawPath: '/pets/dog',
      rawQueryString: 'x=1',
      pathParameters: { kind: 'dog' },
      stageVariables: { colour: 'red' },
      requestContext: {
        ...{ accountId: account, apiId, domainName: host, domainPrefix: apiId, stage: '$default' },
        http: { method: 'GET', path: '/pets/dog' },
      },
    })
    expect((await ask(host, '/other/way', { method: 'POST' })).json.routeKey).toBe('ANY /{rest+}')
    expect(await ask(host, '/')).toMatchObject({ status: 404, json: { message: 'Not Found' } })
    const byPath = await ask('localhost', `/_api/${apiId}/pets/cat`)
    expect(byPath.json).toMatchObject({ rawPath: '/pets/cat', requestContext: { domainName: host } })
  })

  it('gets the response of a function that streams, once it is whole', async () => {
    const { host } = await api(['$default'])
    const payload = Buffer.from(`{"statusCode":206,"headers":{"x-own":"y"}}${'\0'.repeat(8)}the body`)
    frontend.invoker.answer = (call) => ({ ...echo(call), payload }) as InvokeOutcome
    expect(await ask(host)).toMatchObject({ status: 206, text: 'the body', headers: { 'x-own': 'y' } })
  })

  it('reaches it as payload 1.0, and its answer has lists of headers', async () => {
    const { host, apiId } = await api(['POST /a/{b}'], { integration: { payloadFormatVersion: '1.0' } })
    let event: Record<string, unknown> = {}
    frontend.invoker.answer = (call) => {
      event = JSON.parse(Buffer.from(call.payload).toString())
      const response = {
        statusCode: 201,
        headers: { 'X-A': 'b' },
        multiValueHeaders: { 'Set-Cookie': ['c=1', 'd=2'] },
        body: 'hi',
      }
      return { ...echo(call), payload: Buffer.from(JSON.stringify(response)) } as InvokeOutcome
    }
    const answer = await ask(host, '/a/x?q=1&q=2', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    expect(answer).toMatchObject({ status: 201, text: 'hi' })
    expect(answer.headers).toMatchObject({ 'x-a': 'b', 'set-cookie': ['c=1', 'd=2'] })
    expect(event).toMatchObject({
      version: '1.0',
      ...{ resource: '/a/{b}', path: '/a/x', httpMethod: 'POST', body: '{}', isBase64Encoded: false },
      queryStringParameters: { q: '2' },
      multiValueQueryStringParameters: { q: ['1', '2'] },
      pathParameters: { b: 'x' },
      stageVariables: null,
      requestContext: { apiId, accountId: account, resourcePath: '/a/{b}', stage: '$default', httpMethod: 'POST' },
    })
    returns('no response')
    expect(await ask(host, '/a/x', { method: 'POST' })).toMatchObject({ status: 500 })
  })

  it('finds named stages by the first segment, which the function still sees, and what was deployed to them', async () => {
    const { host, apiId } = await api(['GET /old'])
    await create(`/apis/${apiId}/stages`, { stageName: 'prod' })
    expect((await ask(host, '/prod/old')).status).toBe(404)
    await create(`/apis/${apiId}/deployments`, { stageName: 'prod' })
    expect((await ask(host, '/prod/old')).json).toMatchObject({ rawPath: '/prod/old', routeKey: 'GET /old' })
    const [route] = (await manage('GET', `/apis/${apiId}/routes`)).json.items
    await manage('PATCH', `/apis/${apiId}/routes/${route?.routeId}`, { routeKey: 'GET /new' })
    expect((await ask(host, '/new')).status).toBe(200)
    expect((await ask(host, '/prod/old')).status).toBe(200)
    expect((await ask(host, '/prod/new')).status).toBe(404)
  })

  it('finds an API by a domain name of one’s own and the beginning of the path', async () => {
    const { apiId, host } = await api(['GET /a'])
    const domainName = `shop-${apiId}.example.com`
    await create('/domainnames', { domainName })
    expect((await ask(domainName, '/v1/a')).status).toBe(404)
    const mapping = { apiId, stage: '$default', apiMappingKey: 'v1' }
    await create(`/domainnames/${domainName}/apimappings`, mapping)
    expect((await ask(`${domainName.toUpperCase()}:80`, '/v1/a')).json).toMatchObject({
      rawPath: '/v1/a',
      requestContext: { domainName, domainPrefix: `shop-${apiId}` },
    })
    expect((await ask(domainName, '/v2/a')).status).toBe(404)
    await manage('PATCH', `/apis/${apiId}`, { disableExecuteApiEndpoint: true })
    expect((await ask(host, '/a')).status).toBe(404)
    expect((await ask(domainName, '/v1/a')).status).toBe(200)
    expect((await manage('POST', '/domainnames', { domainName }, otherKeys)).status).toBe(409)
  })
})

describe('the function', () => {
  it('is called only if its policy lets API Gateway do so for this route', async () => {
    const { host, apiId } = await api(['GET /a', 'GET /b', '$default'])
    await client.send(new RemovePermissionCommand({ FunctionName: 'site', StatementId: 'apis' }))
    const refused = { status: 500, json: { message: 'Internal Server Error' } }
    expect(await ask(host, '/a')).toMatchObject(refused)
    await permit(`arn:aws:execute-api:us-east-1:${account}:${apiId}/*/GET/a`, 'one')
    expect((await ask(host, '/a')).status).toBe(200)
    expect(await ask(host, '/b')).toMatchObject(refused)
    expect(await ask(host, '/c')).toMatchObject(refused)
    await permit()
    expect((await ask(host, '/c')).status).toBe(200)
    await client.send(new RemovePermissionCommand({ FunctionName: 'site', StatementId: 'one' }))
  })

  it.each([
    ['fails', { kind: 'function-error' }, 500],
    ['is throttled', { kind: 'throttled', reason: 'ConcurrentInvocationLimitExceeded', retryAfterSeconds: 1 }, 503],
    ['is lost', { kind: 'platform-error', detail: 'x', mayHaveRun: true }, 500],
  ] as const)('that %s is told as AWS does', async (_what, outcome, status) => {
    const { host } = await api(['$default'])
    returns({}, outcome)
    expect((await ask(host)).status).toBe(status)
  })

  it('that takes longer than its integration waits is 503, and runs on', async () => {
    const clock = new FakeClock()
    await using slow = await startTestFrontend({ clock })
    const before = frontend
    frontend = slow
    try {
      const { apiId, host } = await quickly(clock)
      const called = Promise.withResolvers<void>()
      const done = Promise.withResolvers<void>()
      slow.invoker.answer = async (call) => {
        called.resolve()
        await done.promise
        return echo(call)
      }
      const answer = ask(host)
      await called.promise
      clock.advance(30_000)
      expect(await answer).toMatchObject({ status: 503, json: { message: 'Service Unavailable' } })
      expect(slow.invoker.signals.at(-1)?.aborted).toBe(false)
      done.resolve()
      expect(apiId).toHaveLength(10)
    } finally {
      frontend = before
    }
  })
})

/** A quick-created API for a function of a frontend whose clock stands still. */
async function quickly(clock: FakeClock) {
  const atMs = clock.now()
  const lambda = (path: string, body: object) =>
    rawRequest(frontend.endpoint, { path: `/2015-03-31/functions${path}`, body: JSON.stringify(body), atMs })
  const ZipFile = (await zipOf()).toString('base64')
  const settings = { Role: role, Handler: 'index.handler', Runtime: 'nodejs24.x' }
  await lambda('', { FunctionName: 'site', Code: { ZipFile }, ...settings })
  const grant = { StatementId: 'a', Action: 'lambda:InvokeFunction', Principal: 'apigateway.amazonaws.com' }
  await lambda('/site/policy', grant)
  const quick = { name: 'quick', protocolType: 'HTTP', target: functionArn }
  const { text } = await rawRequest(frontend.endpoint, {
    ...{ path: '/v2/apis', service: 'apigateway', body: JSON.stringify(quick), atMs },
  })
  const { apiId } = JSON.parse(text) as { apiId: string }
  return { apiId, host: `${apiId}.execute-api.us-east-1.localhost` }
}

describe('who may call', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = (claims: object, by = pair) => {
    const signed = `${encode({ alg: 'RS256', kid: 'one' })}.${encode(claims)}`
    return `${signed}.${sign('sha256', Buffer.from(signed), by.privateKey).toString('base64url')}`
  }
  const good = () => ({
    iss: issuerUrl,
    aud: 'shop',
    exp: Math.floor(Date.now() / 1_000) + 600,
    sub: 'ann',
    scope: 'read x',
    n: [1, 'b'],
  })

  it('is who has a token of the issuer, with one of the scopes', async () => {
    const { apiId, integrationId, host } = await api([])
    const { authorizerId } = await create(`/apis/${apiId}/authorizers`, {
      ...{ name: 'people', authorizerType: 'JWT', identitySource: ['$request.header.Authorization'] },
      jwtConfiguration: { issuer: issuerUrl, audience: ['shop'] },
    })
    const jwt = { target: `integrations/${integrationId}`, authorizationType: 'JWT', authorizerId }
    await create(`/apis/${apiId}/routes`, { ...jwt, routeKey: 'GET /mine' })
    await create(`/apis/${apiId}/routes`, { ...jwt, routeKey: 'GET /admin', authorizationScopes: ['admin', 'root'] })
    const as = (claims: object, by = pair) => ({ headers: { authorization: `Bearer ${token(claims, by)}` } })
    const mine = await ask(host, '/mine', as(good()))
    expect(mine.json.requestContext.authorizer).toEqual({
      jwt: {
        claims: { iss: issuerUrl, aud: 'shop', exp: expect.any(String), sub: 'ann', scope: 'read x', n: '[1 b]' },
        scopes: null,
      },
    })
    const admin = await ask(host, '/admin', as({ ...good(), scope: 'root read' }))
    expect(admin.json.requestContext.authorizer.jwt.scopes).toEqual(['root'])
    expect(await ask(host, '/admin', as(good()))).toMatchObject({ status: 403, json: { message: 'Forbidden' } })
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    for (const options of [{}, as({ ...good(), exp: 1 }), as({ ...good(), aud: 'other' }), as(good(), stranger)]) {
      const refused = await ask(host, '/mine', options)
      expect(refused).toMatchObject({ status: 401, json: { message: 'Unauthorized' } })
      expect(refused.headers['www-authenticate']).toBe('Bearer')
    }
  })

  describe('is up to a function', () => {
    /** An API whose route `GET /a/{b}` is guarded by the function `guard`. */
    const guarded = async (more: object) => {
      const { apiId, integrationId, host } = await api([])
      const { authorizerId } = await create(`/apis/${apiId}/authorizers`, {
        ...{ name: 'guard', authorizerType: 'REQUEST', authorizerUri: functionArn },
        ...{ identitySource: ['$request.header.X-Key', '$context.httpMethod'], authorizerPayloadFormatVersion: '2.0' },
        ...more,
      })
      const route = { target: `integrations/${integrationId}`, authorizationType: 'CUSTOM', authorizerId }
      await create(`/apis/${apiId}/routes`, { ...route, routeKey: 'GET /a/{b}' })
      return { apiId, authorizerId, host, arn: `arn:aws:execute-api:us-east-1:${account}:${apiId}/$default/GET/a/1` }
    }
    /** The guard answers what is given; anything else echoes. What the guard was asked is kept. */
    const guards = (verdict: unknown, asked: unknown[] = []) => {
      frontend.invoker.answer = (call) => {
        const event = JSON.parse(Buffer.from(call.payload).toString())
        if (event.type !== 'REQUEST') return echo(call)
        asked.push(event)
        return { ...echo(call), payload: Buffer.from(JSON.stringify(verdict)) } as InvokeOutcome
      }
      return asked
    }
    const headers = { 'x-key': 'k' }

    it('that says yes or no', async () => {
      const { host, arn } = await guarded({ enableSimpleResponses: true })
      const asked = guards({ isAuthorized: true, context: { who: 'ann' } })
      const { json } = await ask(host, '/a/1?q=2', { headers })
      expect(json.requestContext.authorizer).toEqual({ lambda: { who: 'ann' } })
      expect(asked).toMatchObject([
        {
          ...{ version: '2.0', type: 'REQUEST', routeArn: arn, identitySource: ['k', 'GET'], routeKey: 'GET /a/{b}' },
          ...{ rawQueryString: 'q=2', pathParameters: { b: '1' } },
        },
      ])
      expect(asked[0]).not.toHaveProperty('body')
      guards({ isAuthorized: false })
      expect(await ask(host, '/a/1', { headers })).toMatchObject({ status: 403, json: { message: 'Forbidden' } })
      guards({ isAuthorized: 'yes' })
      expect((await ask(host, '/a/1', { headers })).status).toBe(500)
    })

    it('that gives a policy', async () => {
      const { host, arn } = await guarded({ authorizerPayloadFormatVersion: '1.0' })
      const statement = (Resource: string) => ({ Effect: 'Allow', Action: 'execute-api:Invoke', Resource })
      const policy = (Resource: string) => ({
        principalId: 'ann',
        policyDocument: { Version: '2012-10-17', Statement: [statement(Resource)] },
      })
      const asked = guards(policy(arn))
      expect((await ask(host, '/a/1', { headers })).json.requestContext.authorizer).toEqual({ lambda: {} })
      expect(asked).toMatchObject([{ version: '1.0', methodArn: arn, identitySource: 'k,GET', resource: '/a/{b}' }])
      guards(policy(`${arn}2`))
      expect((await ask(host, '/a/1', { headers })).status).toBe(403)
      guards({ principalId: 'ann', policyDocument: 'everything' })
      expect((await ask(host, '/a/1', { headers })).status).toBe(500)
    })

    it('that is not asked without an identity, nor twice while its verdict counts', async () => {
      const { host } = await guarded({ enableSimpleResponses: true, authorizerResultTtlInSeconds: 60 })
      const asked = guards({ isAuthorized: true })
      expect((await ask(host, '/a/1')).status).toBe(401)
      expect(asked).toHaveLength(0)
      for (const path of ['/a/1', '/a/2']) expect((await ask(host, path, { headers })).status).toBe(200)
      expect(asked).toHaveLength(1)
      await ask(host, '/a/1', { headers: { 'x-key': 'other' } })
      expect(asked).toHaveLength(2)
    })

    it('that lets the API call it', async () => {
      const { host } = await guarded({ enableSimpleResponses: true })
      guards({ isAuthorized: true })
      await client.send(new RemovePermissionCommand({ FunctionName: 'site', StatementId: 'apis' }))
      expect((await ask(host, '/a/1', { headers })).status).toBe(500)
      await permit()
      expect((await ask(host, '/a/1', { headers })).status).toBe(200)
    })
  })

  it('is who signs and is allowed to where AWS_IAM is asked for', async () => {
    const { host } = await api([{ routeKey: 'GET /a', authorizationType: 'AWS_IAM' }])
    const signed = (as: typeof keys) =>
      rawRequest(frontend.endpoint, { method: 'GET', path: '/a', service: 'execute-api', keys: as, headers: { host } })
    const own = await signed(keys)
    expect(JSON.parse(own.text).requestContext.authorizer.iam).toMatchObject({
      accountId: account,
      accessKey: keys.accessKeyId,
    })
    expect((await signed(otherKeys)).status).toBe(403)
    expect(await ask(host, '/a')).toMatchObject({ status: 403, json: { message: 'Forbidden' } })
  })

  it('is as often as the route allows', async () => {
    const { host } = await api(['GET /a', 'GET /b'], {
      stage: { routeSettings: { 'GET /a': { throttlingBurstLimit: 1, throttlingRateLimit: 0 } } },
    })
    expect((await ask(host, '/a')).status).toBe(200)
    expect(await ask(host, '/a')).toMatchObject({ status: 429, json: { message: 'Too Many Requests' } })
    expect((await ask(host, '/b')).status).toBe(200)
  })
})

describe('CORS', () => {
  it('is answered by the API, and what the function says of it does not count', async () => {
    const corsConfiguration = {
      allowOrigins: ['https://a.example'],
      allowMethods: ['GET'],
      allowHeaders: ['x-a'],
      maxAge: 9,
    }
    const { host } = await api(['GET /a'], { api: { corsConfiguration } })
    const origin = 'https://a.example'
    const preflight = await ask(host, '/anything', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET' },
    })
    expect(preflight).toMatchObject({
      status: 204,
      headers: { 'access-control-allow-origin': origin, 'access-control-max-age': '9' },
    })
    returns({ statusCode: 200, headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Methods': 'PUT' } })
    const { headers } = await ask(host, '/a', { headers: { origin } })
    expect(headers['access-control-allow-origin']).toBe(origin)
    expect(headers).not.toHaveProperty('access-control-allow-methods')
    expect((await ask(host, '/none', { headers: { origin } })).headers['access-control-allow-origin']).toBe(origin)
  })
})

describe('the management', () => {
  it.each([
    ['POST', '/apis', { name: 'a', protocolType: 'WEBSOCKET' }, 400],
    ['POST', '/apis', { protocolType: 'HTTP' }, 400],
    ['POST', '/apis', { name: 'a', protocolType: 'HTTP', surprise: 1 }, 400],
    ['POST', '/apis', { name: 5, protocolType: 'HTTP' }, 400],
    ['POST', '/apis', { name: 'a', protocolType: 'HTTP', target: 'https://example.com' }, 400],
    ['POST', '/apis', { name: 'a', protocolType: 'HTTP', corsConfiguration: { allowOrigins: ['a\r\nb'] } }, 400],
    ['GET', '/apis/0123456789', undefined, 404],
    ['GET', '/apis/..%2Fx', undefined, 404],
    ['PUT', '/apis', {}, 501],
    ['GET', '/vpclinks', undefined, 501],
    ['POST', '/domainnames', { domainName: '*.example.com' }, 400],
    ['GET', '/domainnames/none.example.com', undefined, 404],
    ['GET', '/tags/arn:aws:x', undefined, 400],
  ] as const)('%s %s %o is %i', async (method, path, body, status) => {
    const answer = await manage(method, path, body)
    expect([answer.status, typeof answer.json.message]).toEqual([status, 'string'])
  })

  it('refuses parts that do not fit, and to take away what others need', async () => {
    const { apiId, integrationId } = await api(['GET /a'])
    const post = (part: string, body: object) => manage('POST', `/apis/${apiId}/${part}`, body)
    const target = `integrations/${integrationId}`
    expect((await post('routes', { routeKey: 'GET /a', target })).status).toBe(409)
    expect((await post('routes', { routeKey: 'GET a', target })).status).toBe(400)
    expect((await post('routes', { routeKey: 'GET /b', target: 'integrations/none' })).status).toBe(400)
    expect((await post('routes', { routeKey: 'GET /b', target, authorizationType: 'JWT' })).status).toBe(400)
    expect((await post('routes', { routeKey: 'GET /b', target, authorizationType: 'CUSTOM' })).status).toBe(400)
    expect((await post('routes', { routeKey: 'GET /b', target, authorizerId: 'none' })).status).toBe(400)
    const guard = { name: 'g', authorizerType: 'REQUEST', authorizerUri: functionArn, identitySource: [] }
    expect((await post('authorizers', { ...guard, authorizerUri: 'site' })).status).toBe(400)
    expect((await post('authorizers', { ...guard, identitySource: ['$request.body.a'] })).status).toBe(400)
    expect((await post('authorizers', { ...guard, enableSimpleResponses: true })).status).toBe(400)
    expect((await post('authorizers', { ...guard, authorizerResultTtlInSeconds: 5 })).status).toBe(400)
    expect((await post('authorizers', { name: 'j', authorizerType: 'JWT', identitySource: ['x'] })).status).toBe(400)
    expect((await post('integrations', { integrationType: 'HTTP_PROXY', integrationUri: 'https://x' })).status).toBe(
      400,
    )
    expect((await post('integrations', { integrationType: 'AWS_PROXY', integrationUri: 'site' })).status).toBe(400)
    expect((await post('stages', { stageName: '$default' })).status).toBe(409)
    expect((await post('stages', { stageName: 'a b' })).status).toBe(400)
    expect((await post('deployments', { stageName: 'none' })).status).toBe(404)
    expect((await manage('DELETE', `/apis/${apiId}/integrations/${integrationId}`)).status).toBe(409)
    expect((await manage('DELETE', `/apis/${apiId}`)).status).toBe(204)
    expect((await manage('GET', `/apis/${apiId}`)).status).toBe(404)
  })

  it('shows nothing to another account', async () => {
    const { apiId } = await api([])
    expect((await manage('GET', `/apis/${apiId}`, undefined, otherKeys)).status).toBe(404)
    expect((await manage('DELETE', `/apis/${apiId}`, undefined, otherKeys)).status).toBe(404)
    expect((await manage('GET', '/apis', undefined, otherKeys)).json.items).toEqual([])
  })
})
