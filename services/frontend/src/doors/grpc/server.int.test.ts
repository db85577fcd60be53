import { type ClientHttp2Session, connect } from 'node:http2'
import { Client, type ClientUnaryCall, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type Account, accountId, awsError, err, functionName, ok } from '@weft/contracts'
import {
  type Invocation,
  type InvokeResponse,
  InvokeServiceClient,
  type InvokeStreamResponse,
  type PublishResponse,
} from '@weft/contracts/api/invoke'
import { ServerReflectionClient, type ServerReflectionResponse } from '@weft/contracts/api/reflection'
import type { TrackedEntry } from '@weft/delivery'
import { silentLogger, systemClock } from '@weft/platform'
import { MemoryIdentities } from '@weft/policy/testing'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Credentials } from '../../identity/credentials.ts'
import type { CallContext, InvokeInput, PublishInput } from '../../operations/context.ts'
import { refusedManagement } from '../../testing/refused-management.ts'
import type { GrpcDoorDeps } from './server.ts'
import { type GrpcDoor, startGrpcDoor } from './server.ts'

const account: Account = {
  accountId: accountId('000000000000'),
  name: 'default',
  concurrencyLimit: 1_000,
  accessKeys: [{ accessKeyId: 'AKIAGOOD', secretAccessKey: 'secret', status: 'Active' }],
}
const catalogue = {
  accountOfKey: (id: string) => (id === 'AKIAGOOD' ? account : undefined),
  account: (id: string) => (id === account.accountId ? account : undefined),
}
const problems: string[] = []
const calls: { context: CallContext; input: InvokeInput | PublishInput | object }[] = []
const slowStarted = Promise.withResolvers<void>()
const slowEnded = Promise.withResolvers<void>()

const tracked: TrackedEntry = {
  invocation: {
    ...{ requestId: 'r1', accountId: account.accountId, functionName: functionName('f'), invocationType: 'Event' },
    ...{ state: 'ended', acceptedAtMs: 1_000, endedAtMs: 2_000, keepMs: 3_000, payloadDigest: '', runs: 2 },
    ...{ condition: 'Success', statusCode: 200, executedVersion: '$LATEST' },
  },
  answer: Buffer.from('"done"'),
  revision: 1,
}

const deps: GrpcDoorDeps = {
  region: 'us-east-1',
  invocations: {
    get: async ({ requestId }) =>
      requestId === 'r1' ? ok(tracked) : err(awsError('ResourceNotFoundException', 'not kept')),
    cancel: async () => err(awsError('ResourceConflictException', 'it is ended')),
  },
  clock: systemClock,
  log: silentLogger,
  problems: () => problems,
  catalogue,
  credentials: new Credentials({
    catalogue,
    identities: new MemoryIdentities(),
    clusterSecret: 'cluster secret',
    clock: systemClock,
  }),
  operations: {
    async invoke(context, input) {
      calls.push({ context, input })
      if (input.functionName === 'missing')
        return err(awsError('ResourceNotFoundException', 'Function not found: arn:…ü\n'))
      if (input.functionName === 'busy')
        return err(
          awsError('TooManyRequestsException', 'Rate Exceeded.', {
            reason: 'CallerRateLimitExceeded',
            retryAfterSeconds: 1,
          }),
        )
      if (input.functionName === 'broken') throw new Error('secret detail')
      if (input.functionName === 'slow') {
        slowStarted.resolve()
        await new Promise((resolve) => context.signal?.addEventListener('abort', resolve, { once: true }))
        slowEnded.resolve()
      }
      if (input.invocationType === 'DryRun') return ok({ kind: 'dry-run' })
      return ok({
        kind: 'answered',
        payload: input.payload,
        executedVersion: '$LATEST',
        logTail: input.logTail ? 'END' : '',
      })
    },
    async publish(context, input) {
      calls.push({ context, input })
      return ok({ requestId: context.requestId, duplicate: input.deduplicationId === 'seen' })
    },
    management: {
      ...refusedManagement(),
      async CreateFunction(context, input) {
        calls.push({ context, input })
        return ok({
          FunctionName: input.FunctionName,
          CodeSize: 5,
          LastModified: '2026-01-15T12:00:00.000+0000',
          Environment: input.Environment,
        })
      },
      DeleteFunction: async () => ok({}),
    },
  },
}

let door: GrpcDoor
let invoke: InvokeServiceClient
let address: string
const clients: Client[] = []
const open = <C extends Client>(client: C): C => {
  clients.push(client)
  return client
}

beforeAll(async () => {
  door = await startGrpcDoor({ host: '127.0.0.1', port: 0, stopMs: 30_000 }, deps)
  address = `127.0.0.1:${door.port}`
  invoke = open(new InvokeServiceClient(address, credentials.createInsecure()))
})
beforeEach(() => {
  calls.length = 0
})
afterAll(async () => {
  for (const client of clients) client.close()
  await door?.[Symbol.asyncDispose]()
})

const token = (value = 'Bearer AKIAGOOD:secret'): Metadata => {
  const metadata = new Metadata()
  metadata.set('authorization', value)
  return metadata
}
const unary = <R>(start: (done: (error: ServiceError | null, response: R) => void) => ClientUnaryCall) =>
  new Promise<{ error?: ServiceError; response?: R }>((resolve) =>
    start((error, response) => resolve(error ? { error } : { response })),
  )
const request = (functionName: string, more: object = {}) => ({
  functionName,
  qualifier: '',
  payload: Buffer.from('{"a":1}'),
  clientContext: '',
  tenantId: '',
  idempotencyKey: '',
  keepResultSeconds: 0,
  logTail: false,
  traceHeader: '',
  correlationId: '',
  dryRun: false,
  ...more,
})
const call = (functionName: string, more: object = {}, metadata = token(), options = {}) =>
  unary<InvokeResponse>((done) => invoke.invoke(request(functionName, more), metadata, options, done))

describe('Invoke', () => {
  it('answers as the account of the key', async () => {
    const metadata = token()
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
    const { response } = await call('hello', { qualifier: 'prod', logTail: true }, metadata)
    expect(response).toMatchObject({
      executedVersion: '$LATEST',
      payload: Buffer.from('{"a":1}'),
      functionError: '',
      logTail: 'END',
    })
    expect(response?.requestId).toBe(calls[0]?.context.requestId)
    expect(calls[0]?.context.principal.accountId).toBe('000000000000')
    expect(calls[0]?.input).toMatchObject({ qualifier: 'prod', traceparent: metadata.get('traceparent')[0] })
  })

  it('tells refusals with the code of AWS', async () => {
    const { error } = await call('missing')
    expect(error?.code).toBe(status.NOT_FOUND)
    expect(error?.details).toBe('Function not found: arn:…ü\n')
    expect(error?.metadata.getMap()).toMatchObject({
      'weft-error-code': 'ResourceNotFoundException',
      'weft-http-status': '404',
    })
    const busy = (await call('busy')).error
    expect(busy?.metadata.getMap()).toMatchObject({
      'weft-error-reason': 'CallerRateLimitExceeded',
      'retry-after': '1',
    })
  })

  it('keeps the cause of an internal error to itself', async () => {
    const { error } = await call('broken')
    expect([error?.code, error?.details]).toEqual([status.INTERNAL, 'Internal service error.'])
  })

  it('refuses strangers', async () => {
    for (const metadata of [new Metadata(), token('Bearer AKIAGOOD:wrong'), token('Bearer x')])
      expect((await call('hello', {}, metadata)).error?.code).toBe(status.UNAUTHENTICATED)
    expect(calls).toEqual([])
  })

  it('stops waiting when the caller goes', async () => {
    const gone = new Promise<ServiceError | null>((resolve) => {
      const running = invoke.invoke(request('slow'), token(), (error) => resolve(error))
      void slowStarted.promise.then(() => running.cancel())
    })
    expect((await gone)?.code).toBe(status.CANCELLED)
    // 'slow' ends only when its signal aborts.
    await slowEnded.promise
  })

  it.each([
    ['a deadline in the past', { deadline: 0 }, status.DEADLINE_EXCEEDED],
    ['a deadline in a year', { deadline: Date.now() + 365 * 86_400_000 }, undefined],
  ])('survives %s', async (_, options, code) => {
    expect((await call('hello', {}, token(), options)).error?.code).toBe(code)
    expect((await call('hello')).error).toBeUndefined()
  })

  it('survives 1 MB of metadata and a message above the limit', async () => {
    const metadata = token()
    metadata.set('x-large', 'x'.repeat(1_000_000))
    expect((await call('hello', {}, metadata)).error).toBeDefined()
    const { error } = await call('hello', { payload: Buffer.alloc(17 * 1024 * 1024) })
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED)
    expect((await call('hello')).error).toBeUndefined()
  })
})

/** Sends bytes as one gRPC message; gives the gRPC status. */
const raw = (session: ClientHttp2Session, path: string, message: Buffer, headers: object = {}) =>
  new Promise<string>((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: 'Bearer AKIAGOOD:secret',
      ...headers,
    })
    let result: unknown
    stream.on('response', (h) => (result ??= h['grpc-status']))
    stream.on('trailers', (h) => (result ??= h['grpc-status']))
    stream.on('error', reject)
    stream.on('close', () => resolve(String(result)))
    stream.resume()
    const head = Buffer.alloc(5)
    head.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([head, message]))
  })

describe('broken messages', () => {
  const nested = Buffer.concat([Buffer.alloc(10_000, 0x7b), Buffer.alloc(10_000, 0x7c)])
  it.each([
    ['a wrong wire type', Buffer.from([0x08, 0x01]), '0'],
    ['an unknown field', Buffer.from([0xfa, 0x07, 0x01, 0x41]), '0'],
    ['a length of 2 GB', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x41]), '3'],
    ['a truncated field', Buffer.from([0x0a, 0x05, 0x41]), '3'],
    ['10,000 nested groups', nested, undefined],
    ['a varint without end', Buffer.alloc(20, 0xff), '3'],
  ])('%s', async (_, message, expected) => {
    const session = connect(`http://${address}`)
    try {
      const got = await raw(session, '/weft.v1.InvokeService/Invoke', message)
      expect(expected === undefined ? ['0', '3'] : [expected]).toContain(got)
      expect(await raw(session, '/weft.v1.InvokeService/Invoke', Buffer.alloc(0))).toBe('0')
    } finally {
      session.close()
    }
  })

  it('metadata that is not base64 although named -bin', async () => {
    const session = connect(`http://${address}`)
    try {
      await raw(session, '/weft.v1.InvokeService/Invoke', Buffer.alloc(0), { 'x-bin': '!!! not base64' })
      expect(await raw(session, '/weft.v1.InvokeService/Invoke', Buffer.alloc(0))).toBe('0')
    } finally {
      session.close()
    }
  })
})

describe('InvokeStream', () => {
  it('answers each request, refusals too, and goes on', async () => {
    const stream = invoke.invokeStream(token())
    const answers = new Map<string, InvokeStreamResponse['outcome']>()
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (answer: InvokeStreamResponse) => answers.set(answer.correlationId, answer.outcome))
      stream.on('end', resolve)
      stream.on('error', reject)
    })
    const names = ['hello', 'missing', 'broken', 'busy', 'hello']
    for (const [i, name] of names.entries()) stream.write(request(name, { correlationId: `c${i}` }))
    for (let i = 5; i < 3_000; i++) stream.write(request('hello', { correlationId: `c${i}` }))
    stream.end()
    await ended
    expect(answers.size).toBe(3_000)
    expect(answers.get('c0')).toMatchObject({ $case: 'response' })
    expect(answers.get('c1')).toMatchObject({
      $case: 'error',
      value: { code: 'ResourceNotFoundException', httpStatus: 404 },
    })
    expect(answers.get('c2')).toMatchObject({ $case: 'error', value: { code: 'ServiceException' } })
    expect(answers.get('c3')).toMatchObject({ $case: 'error', value: { reason: 'CallerRateLimitExceeded' } })
    expect(answers.get('c4')).toMatchObject({ $case: 'response' })
  })

  it('refuses strangers', async () => {
    const stream = invoke.invokeStream(token('Bearer x:y'))
    stream.resume()
    const error = await new Promise<ServiceError>((resolve) => stream.on('error', resolve))
    expect(error.code).toBe(status.UNAUTHENTICATED)
    expect(error.metadata.get('weft-error-code')).toEqual(['UnrecognizedClientException'])
  })
})

it('Publish tells whether the event was there before', async () => {
  const publish = (deduplicationId: string) =>
    unary<PublishResponse>((done) =>
      invoke.publish(
        {
          functionName: 'f',
          qualifier: '',
          payload: Buffer.from('{}'),
          traceHeader: '',
          deduplicationId,
          tenantId: '',
          idempotencyKey: '',
          keepResultSeconds: 0,
        },
        token(),
        done,
      ),
    )
  expect((await publish('')).response?.duplicate).toBe(false)
  expect((await publish('seen')).response?.duplicate).toBe(true)
})

it('results are kept on request, told and cancelled by request id', async () => {
  const request = { functionName: 'f', qualifier: '', payload: Buffer.from('{}'), traceHeader: '', tenantId: '' }
  const published = await unary<PublishResponse>((done) =>
    invoke.publish({ ...request, deduplicationId: '', idempotencyKey: 'k1', keepResultSeconds: 600 }, token(), done),
  )
  expect(published.response?.requestId).toBeTruthy()
  expect(calls.at(-1)?.input).toMatchObject({ invocationType: 'Event', tracking: { key: 'k1', keepSeconds: 600 } })
  const both = await unary<PublishResponse>((done) =>
    invoke.publish({ ...request, deduplicationId: 'd', idempotencyKey: 'k1', keepResultSeconds: 0 }, token(), done),
  )
  expect(both.error?.metadata.get('weft-error-code')).toEqual(['InvalidParameterValueException'])
  const told = await unary<Invocation>((done) => invoke.getInvocation({ requestId: 'r1' }, token(), done))
  expect(told.response).toMatchObject({
    ...{ requestId: 'r1', functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f', state: 'ended', runs: 2 },
    ...{ condition: 'Success', acceptedAt: new Date(1_000), keptUntil: new Date(5_000), functionError: '' },
    payload: Buffer.from('"done"'),
  })
  const gone = await unary<Invocation>((done) => invoke.getInvocation({ requestId: 'r2' }, token(), done))
  expect(gone.error?.code).toBe(status.NOT_FOUND)
  const over = await unary<Invocation>((done) => invoke.cancelInvocation({ requestId: 'r1' }, token(), done))
  expect(over.error?.metadata.get('weft-error-code')).toEqual(['ResourceConflictException'])
})

describe('health and reflection', () => {
  const check = (service: string) =>
    unary<{ status: string }>((done) =>
      open(new Client(address, credentials.createInsecure())).makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (name: string) => Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]),
        (bytes: Buffer) => ({ status: bytes.toString('hex') }),
        service,
        (error, response) => done(error, response as { status: string }),
      ),
    )

  it('says whether the services serve', async () => {
    expect((await check('')).response).toEqual({ status: '0801' })
    expect((await check('weft.v1.InvokeService')).response).toEqual({ status: '0801' })
    expect((await check('nobody')).error?.code).toBe(status.NOT_FOUND)
  })

  it('lists and describes the services without credentials', async () => {
    const client = open(new ServerReflectionClient(address, credentials.createInsecure()))
    const stream = client.serverReflectionInfo()
    const answers: ServerReflectionResponse[] = []
    const ended = new Promise<void>((resolve) => stream.on('end', resolve))
    stream.on('data', (answer: ServerReflectionResponse) => answers.push(answer))
    stream.write({ host: '', messageRequest: { $case: 'listServices', value: '' } })
    stream.write({ host: '', messageRequest: { $case: 'fileContainingSymbol', value: 'grpc.health.v1.Health' } })
    stream.end()
    await ended
    expect(answers.map((a) => a.messageResponse?.$case)).toEqual(['listServicesResponse', 'fileDescriptorResponse'])
  })
})

describe('a stop', () => {
  it('answers what runs, ends idle streams and does not wait for watchers', async () => {
    const started = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const operations: GrpcDoorDeps['operations'] = {
      ...deps.operations,
      async invoke(_context, input) {
        if (input.functionName === 'slow') {
          started.resolve()
          await go.promise
        }
        return ok({ kind: 'answered', payload: input.payload, executedVersion: '1' })
      },
    }
    const stopped = await startGrpcDoor({ host: '127.0.0.1', port: 0, stopMs: 60_000 }, { ...deps, operations })
    const client = open(new InvokeServiceClient(`127.0.0.1:${stopped.port}`, credentials.createInsecure()))
    const health = open(new Client(`127.0.0.1:${stopped.port}`, credentials.createInsecure()))
    const bytes = (b: Buffer) => b
    const watch = health.makeServerStreamRequest('/grpc.health.v1.Health/Watch', bytes, bytes, Buffer.alloc(0))
    const seen: string[] = []
    watch.on('data', (b: Buffer) => seen.push(b.toString('hex')))
    watch.on('error', () => undefined)
    const idle = client.invokeStream(token())
    const ended = new Promise<void>((resolve) => idle.on('end', resolve))
    const first = new Promise<void>((resolve) => idle.once('data', () => resolve()))
    idle.write(request('hello'))
    await first
    idle.resume()
    const answer = unary<InvokeResponse>((done) => client.invoke(request('slow'), token(), done))
    await started.promise
    const closing = stopped[Symbol.asyncDispose]()
    await ended
    go.resolve()
    expect((await answer).response?.executedVersion).toBe('1')
    await closing
    // SERVING, then NOT_SERVING.
    expect(seen).toEqual(['0801', '0802'])
  })
})

describe('mTLS', () => {
  it('takes the account from the client certificate', async () => {
    const make = (name: string, ca?: { key: string; cert: string }) =>
      generate([{ name: 'commonName', value: name }], {
        algorithm: 'sha256',
        keySize: 2048,
        ...(ca && { ca }),
        extensions: [
          { name: 'basicConstraints', cA: ca === undefined },
          { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
        ],
      })
    const ca = await make('test authority')
    const authority = { key: ca.private, cert: ca.cert }
    const server = await make('127.0.0.1', authority)
    const client = await make('000000000000', authority)
    const stranger = await make('111111111111', authority)
    const tls = { cert: server.cert, key: server.private, clientCa: ca.cert }
    await using secure = await startGrpcDoor({ host: '127.0.0.1', port: 0, stopMs: 30_000, tls }, deps)
    const as = async (pair?: { private: string; cert: string }) => {
      const channel = credentials.createSsl(
        Buffer.from(ca.cert),
        pair ? Buffer.from(pair.private) : null,
        pair ? Buffer.from(pair.cert) : null,
      )
      const one = new InvokeServiceClient(`127.0.0.1:${secure.port}`, channel)
      const result = await unary((done) => one.invoke(request('hello'), new Metadata(), done))
      one.close()
      return result.error?.code ?? 'answered'
    }
    expect(await as(client)).toBe('answered')
    expect(await as(stranger)).toBe(status.UNAUTHENTICATED)
    expect(await as()).toBe(status.UNAVAILABLE)
  })
})
