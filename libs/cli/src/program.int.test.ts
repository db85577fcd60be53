import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Server as GrpcServer, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js'
import { type InvokeRequest, InvokeServiceService, type ResponseStreamPart } from '@weft/contracts/api/invoke'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Io } from './io.ts'
import { runCommand } from './program.ts'

/** A stand-in for the HTTP door: answers what the test lays out and keeps what it was asked. */
interface Door {
  answer(request: IncomingMessage, body: string): { status: number; headers?: Record<string, string>; body: string }
  readonly asked: { method: string; path: string; target: string | undefined; body: string }[]
}

let server: Server
let door: Door
let dir: string

beforeEach(async () => {
  door = { asked: [], answer: () => ({ status: 200, body: '{}' }) }
  server = createServer(async (request, response) => {
    const body = await text(request)
    const target = request.headers['x-amz-target']?.toString()
    door.asked.push({ method: request.method ?? '', path: request.url ?? '', target, body })
    const answer = door.answer(request, body)
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  dir = await mkdtemp(join(tmpdir(), 'weft-cli-'))
  const connection = {
    http: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    grpc: '127.0.0.1:1',
    nats: 'nats://127.0.0.1:2',
    region: 'us-east-1',
    accountId: '000000000000',
    accessKeyId: 'AKIAEXAMPLE',
    secretAccessKey: "it's secret",
    natsCreds: join(dir, 'client.creds'),
  }
  await writeFile(join(dir, 'connection.json'), JSON.stringify(connection))
})

afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await rm(dir, { recursive: true })
})

const run = async (...args: string[]) => {
  const written = { stdout: '', stderr: '' }
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _encoding, done) {
        written[name] += String(chunk)
        setImmediate(done)
      },
    })
  const [stdout, stderr] = [into('stdout'), into('stderr')]
  const io: Io = {
    env: { WEFT_DATA_DIR: dir },
    stdout,
    stderr,
    readStdin: async () => Buffer.from('{"from":"stdin"}'),
    stop: new AbortController().signal,
  }
  const exitCode = await runCommand(args, io)
  // What was written to readers that lag is read to its end.
  await Promise.all([stdout, stderr].map((stream) => new Promise<void>((done) => stream.end(done))))
  return { exitCode, ...written }
}

const unserved = (): never => {
  throw new Error('not asked here')
}

it('prints shell exports that quote what a shell would read', async () => {
  const { exitCode, stdout } = await run('env')
  expect(exitCode).toBe(0)
  expect(stdout).toContain("export AWS_SECRET_ACCESS_KEY='it'\\''s secret'\n")
  expect(stdout).toContain('export WEFT_GRPC=127.0.0.1:1\n')
})

it('says where it looked when no fabric runs, and what is wrong with a command line', async () => {
  const none = await run('--data-dir', join(dir, 'other'), 'env')
  expect(none).toMatchObject({ exitCode: 1, stdout: '' })
  expect(none.stderr).toBe(
    `weft: no fabric runs on ${join(dir, 'other')} (no connection.json there): start one with "npm start"\n`,
  )
  expect((await run('frobnicate')).exitCode).toBe(2)
  expect((await run('logs', 'f', '--since', 'yesterday-ish')).exitCode).toBe(2)
})

it('invokes, shows the answer and tells a function that fails apart from a call that is refused', async () => {
  door.answer = () => ({
    status: 200,
    headers: { 'x-amzn-requestid': 'r-1', 'x-amz-executed-version': '$LATEST' },
    body: '{"a":1}',
  })
  expect(await run('invoke', 'f', '-')).toMatchObject({ exitCode: 0, stdout: '{"a":1}\n' })
  expect(door.asked[0]).toMatchObject({ path: '/2015-03-31/functions/f/invocations', body: '{"from":"stdin"}' })

  door.answer = () => ({ status: 200, headers: { 'x-amz-function-error': 'Unhandled' }, body: '{"errorType":"Error"}' })
  expect((await run('invoke', 'f')).exitCode).toBe(3)

  door.answer = () => ({
    status: 404,
    headers: { 'x-amzn-errortype': 'ResourceNotFoundException' },
    body: '{"Message":"Function not found: f"}',
  })
  expect(await run('publish', 'f')).toMatchObject({
    exitCode: 1,
    stderr: 'weft: ResourceNotFoundException: Function not found: f\n',
  })
})

it('writes a streamed answer as it comes, and tells what came of it', async () => {
  const streams = new GrpcServer()
  let asked: InvokeRequest | undefined
  let key: unknown
  const parts = (...values: NonNullable<ResponseStreamPart['part']>[]) => values.map((part) => ({ part }))
  const begin = {
    $case: 'begin',
    value: { requestId: 'r-1', executedVersion: '7', contentType: 'text/plain' },
  } as const
  const complete = (functionError: string, errorDetails: string) =>
    ({
      $case: 'complete',
      value: { functionError, errorDetails: Buffer.from(errorDetails), logTail: 'END\n' },
    }) as const
  let answer = parts(begin, { $case: 'chunk', value: Buffer.from('a') }, complete('', ''))
  streams.addService(InvokeServiceService, {
    ...{ invoke: unserved, publish: unserved, invokeStream: unserved },
    invokeWithResponseStream: (call: ServerWritableStream<InvokeRequest, ResponseStreamPart>) => {
      asked = call.request
      key = call.metadata.get('authorization')[0]
      for (const part of answer) call.write(part)
      call.end()
    },
  })
  const port = await new Promise<number>((resolve, reject) =>
    streams.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  const file = join(dir, 'connection.json')
  await writeFile(file, (await readFile(file, 'utf8')).replace('127.0.0.1:1', `127.0.0.1:${port}`))
  const streamed = await run('invoke', '--stream', '--tail', '-q', 'live', 'f', '{"x":1}')
  expect(streamed).toMatchObject({ exitCode: 0, stdout: 'a' })
  expect(streamed.stderr).toMatch(/^END\nsucceeded \(7\) {2}[\d.]+ ms {2}r-1\n$/)
  expect(asked).toMatchObject({ functionName: 'f', qualifier: 'live', logTail: true, payload: Buffer.from('{"x":1}') })
  expect(key).toBe("Bearer AKIAEXAMPLE:it's secret")
  const long = 'x'.repeat(100_000)
  answer = parts(begin, ...Array.from({ length: 40 }, () => ({ $case: 'chunk', value: Buffer.from(long) }) as const))
  answer.push(...parts(complete('', '')))
  expect(await run('invoke', '--stream', 'f')).toMatchObject({ exitCode: 0, stdout: long.repeat(40) })
  answer = parts(begin, { $case: 'chunk', value: Buffer.from('a') }, complete('Unhandled', '{"errorType":"E"}'))
  expect(await run('invoke', '--stream', 'f')).toMatchObject({ exitCode: 3, stdout: 'a{"errorType":"E"}\n' })
  expect((await run('invoke', '--stream', '--dry-run', 'f')).exitCode).toBe(2)
  streams.forceShutdown()
  expect((await run('invoke', '--stream', 'f')).exitCode).toBe(1)
})

it('reads every page of a log', async () => {
  door.answer = (_request, body) => {
    const { nextToken } = JSON.parse(body) as { nextToken?: string }
    const event = (n: number) => ({ eventId: String(n), logStreamName: 's', timestamp: n, message: `line ${n}\n` })
    return {
      status: 200,
      body: JSON.stringify(nextToken ? { events: [event(2)] } : { events: [event(1)], nextToken: 't' }),
    }
  }
  const { exitCode, stdout } = await run('logs', 'f', '--since', '1970-01-01')
  expect(exitCode).toBe(0)
  expect(stdout).toBe('1970-01-01T00:00:00.001Z line 1\n1970-01-01T00:00:00.002Z line 2\n')
  expect(door.asked.map(({ target }) => target)).toEqual([
    'Logs_20140328.FilterLogEvents',
    'Logs_20140328.FilterLogEvents',
  ])
})

it('shows the problem of the service that has it and fails while the fabric is not ready', async () => {
  const problems = ['no worker']
  door.answer = () => ({
    status: 503,
    body: JSON.stringify({
      service: 'weft',
      status: 'degraded',
      problems: ['placement: no worker'],
      services: [{ service: 'placement', status: 'degraded', problems, details: { epoch: 3 } }],
    }),
  })
  const { exitCode, stdout } = await run('health')
  expect(exitCode).toBe(1)
  expect(stdout).toBe('degraded weft\n  degraded placement  epoch=3\n    no worker\n')
})

it('tells the result of an invocation, and cancels one that waits', async () => {
  const id = '01234567-89ab-4cde-8f01-23456789abcd'
  const known = {
    FunctionArn: 'arn:f',
    State: 'ended',
    Condition: 'Success',
    Runs: 2,
    KeptUntil: 'T',
    Payload: '{"a":1}',
  }
  door.answer = () => ({ status: 200, body: JSON.stringify(known) })
  const told = await run('result', id)
  expect(told).toMatchObject({ exitCode: 0, stdout: '{"a":1}\n' })
  expect(told.stderr).toContain('ended  Success  2 runs  arn:f')
  expect(door.asked.at(-1)).toMatchObject({ method: 'GET', path: `/2026-01-01/invocations/${id}` })
  door.answer = () => ({ status: 200, body: JSON.stringify({ ...known, Condition: 'RetriesExhausted' }) })
  expect((await run('result', id)).exitCode).toBe(3)
  door.answer = () => ({ status: 200, body: JSON.stringify({ FunctionArn: 'arn:f', State: 'cancelled', Runs: 0 }) })
  expect(await run('cancel', id)).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('cancelled  arn:f') })
  expect(door.asked.at(-1)?.method).toBe('DELETE')
  door.answer = () => ({ status: 409, body: '{"Code":"ResourceConflictException","Message":"it is running"}' })
  expect(await run('cancel', id)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('it is running') })
  expect((await run('publish', 'f', '{}', '--keep', 'x')).exitCode).toBe(2)
})
