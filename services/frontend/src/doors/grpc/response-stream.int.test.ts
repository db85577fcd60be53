import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { type Account, type AwsError, accountId, awsError, err, ok, type Result } from '@weft/contracts'
import { InvokeRequest, InvokeServiceClient, type ResponseStreamPart } from '@weft/contracts/api/invoke'
import { silentLogger, systemClock } from '@weft/platform'
import { MemoryIdentities } from '@weft/policy/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Credentials } from '../../identity/credentials.ts'
import type { CallContext, InvokeInput, InvokeOutput } from '../../operations/context.ts'
import { refusedManagement } from '../../testing/refused-management.ts'
import { type GrpcDoor, type GrpcDoorDeps, startGrpcDoor } from './server.ts'

const account: Account = {
  accountId: accountId('000000000000'),
  name: 'default',
  concurrencyLimit: 1_000,
  accessKeys: [{ accessKeyId: 'AKIAGOOD', secretAccessKey: 'secret', status: 'Active' }],
}
const catalogue = { accountOfKey: () => account, account: () => account }
const identities = new MemoryIdentities()
const notServed = async () => err(awsError('NotImplementedException', 'not served'))

let answer: (context: CallContext, input: InvokeInput) => Promise<Result<InvokeOutput, AwsError>>
const deps: GrpcDoorDeps = {
  ...{ clock: systemClock, log: silentLogger, problems: () => [], catalogue },
  credentials: new Credentials({ catalogue, identities, clusterSecret: 'cluster secret', clock: systemClock }),
  region: 'us-east-1',
  invocations: { get: notServed, cancel: notServed },
  operations: {
    invoke: (context, input) => answer(context, input),
    publish: notServed,
    management: refusedManagement(),
  },
}

let door: GrpcDoor
let client: InvokeServiceClient
beforeAll(async () => {
  door = await startGrpcDoor({ host: '127.0.0.1', port: 0, stopMs: 30_000 }, deps)
  client = new InvokeServiceClient(`127.0.0.1:${door.port}`, credentials.createInsecure())
})
afterAll(async () => {
  client.close()
  await door[Symbol.asyncDispose]()
})

const output = (more: object = {}): InvokeOutput => ({
  ...{ kind: 'answered', payload: Buffer.alloc(0), executedVersion: '3', logTail: 'END' },
  ...more,
})
const streams =
  (parts: readonly string[], end: Result<InvokeOutput, AwsError> = ok(output())) =>
  async (_context: CallContext, { sink }: InvokeInput) => {
    sink?.begin({ contentType: 'text/plain', executedVersion: '3' })
    for (const part of parts) await new Promise<void>((taken) => sink?.write(Buffer.from(part), taken))
    return end
  }

const start = () => {
  const metadata = new Metadata()
  metadata.set('authorization', 'Bearer AKIAGOOD:secret')
  return client.invokeWithResponseStream(
    InvokeRequest.fromPartial({ functionName: 'f', payload: Buffer.from('1') }),
    metadata,
  )
}

async function call(): Promise<{
  readonly parts: readonly ResponseStreamPart['part'][]
  readonly error?: ServiceError
}> {
  const parts: ResponseStreamPart['part'][] = []
  return new Promise((resolve) => {
    start()
      .on('data', ({ part }: ResponseStreamPart) => parts.push(part))
      .on('end', () => resolve({ parts }))
      .on('error', (error: ServiceError) => resolve({ parts, error }))
  })
}
const none = Buffer.alloc(0)

describe('InvokeWithResponseStream over gRPC', () => {
  it('gives parts, and the end', async () => {
    answer = streams(['a', 'b'])
    expect((await call()).parts).toEqual([
      { $case: 'begin', value: { requestId: expect.any(String), executedVersion: '3', contentType: 'text/plain' } },
      { $case: 'chunk', value: Buffer.from('a') },
      { $case: 'chunk', value: Buffer.from('b') },
      { $case: 'complete', value: { functionError: '', errorDetails: none, logTail: 'END' } },
    ])
  })

  it('gives a whole answer as one chunk, and a failure without one', async () => {
    answer = async () => ok(output({ payload: Buffer.from('{}') }))
    const { parts } = await call()
    expect(parts.map((part) => part?.$case)).toEqual(['begin', 'chunk', 'complete'])
    answer = async () => ok(output({ payload: Buffer.from('{"errorType":"E"}'), functionError: 'Unhandled' }))
    const failed = await call()
    expect(failed.parts[1]).toEqual({
      $case: 'complete',
      value: { functionError: 'Unhandled', errorDetails: Buffer.from('{"errorType":"E"}'), logTail: 'END' },
    })
  })

  it('tells what did not run, and what was lost in mid stream, by status', async () => {
    answer = async () => err(awsError('TooManyRequestsException', 'Rate Exceeded.'))
    expect((await call()).error?.code).toBe(status.RESOURCE_EXHAUSTED)
    answer = streams(['a'], err(awsError('ServiceException', 'lost')))
    const { parts, error } = await call()
    expect(parts.map((part) => part?.$case)).toEqual(['begin', 'chunk'])
    expect(error?.code).toBe(status.INTERNAL)
  })

  it('holds nothing back once the client has gone', async () => {
    const done = Promise.withResolvers<boolean>()
    const parts = Array.from({ length: 400 }, () => 'x'.repeat(64 * 1024))
    answer = async (context, input) => {
      const end = await streams(parts)(context, input)
      done.resolve(context.signal?.aborted === true)
      return end
    }
    const running = start()
    running.on('error', () => undefined)
    running.once('data', () => running.cancel())
    expect(await done.promise).toBe(true)
  })
})
