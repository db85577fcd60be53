import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type DetectedRuntime, runtimePrograms } from '@weft/runtimes'
import { HostSide } from '@weft/runtimes/testing'
import { type BuiltFunction, filesIn, order } from './order.ts'

/** A function in its runtime, without sandbox and fabric: what a call is measured against. */
export interface BareFunction extends AsyncDisposable {
  /** From the start of its process to the first answer, ms. */
  readonly firstMs: number
  /** One more call. */
  call(): Promise<void>
}

const responseFrame = 19

function commandOf({ language, binary, version, client = '' }: DetectedRuntime): readonly string[] {
  switch (language) {
    case 'nodejs':
      return [binary, join(runtimePrograms.nodejs, 'bootstrap.mjs')]
    case 'python':
      return [binary, '-I', '-S', '-B', join(runtimePrograms.python, 'bootstrap.py')]
    case 'ruby':
      return [binary, '-EUTF-8', join(runtimePrograms.ruby, 'bootstrap.rb')]
    default:
      return [
        '/usr/bin/python3',
        '-I',
        '-S',
        join(runtimePrograms.custom, 'launch.py'),
        language,
        version,
        binary,
        client,
      ]
  }
}

/** One of our own runtimes, spoken to in frames. */
export async function startFramed(runtime: DetectedRuntime, what: BuiltFunction): Promise<BareFunction> {
  const files = filesIn(what.filesDir)
  let startedMs = performance.now()
  const host = await HostSide.start(commandOf(runtime), files)
  const next = async (wanted: number): Promise<void> => {
    const { type, body } = await host.answer()
    if (type !== wanted) throw new Error(`${runtime.id} answered with frame ${type}: ${body}`)
  }
  const call = (): Promise<void> => {
    host.invoke(randomUUID(), order)
    return next(responseFrame)
  }
  await next(16)
  // Only from here on is it Java: the launcher that waits in its place is Python.
  if (runtime.language === 'java') startedMs = performance.now()
  host.init(what.handler, {
    ...{ _HANDLER: what.handler, LAMBDA_TASK_ROOT: host.taskRoot, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769' },
    ...{ AWS_LAMBDA_FUNCTION_NAME: 'till', PATH: process.env.PATH ?? '' },
  })
  await next(17)
  await call()
  return { firstMs: performance.now() - startedMs, call, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() }
}

/** A program that brings its own runtime, behind the least of a Runtime API. */
export async function startCustom(what: BuiltFunction): Promise<BareFunction> {
  let waiting: ServerResponse | undefined
  let asked = Promise.withResolvers<void>()
  let answered = Promise.withResolvers<void>()
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      waiting = response
      return asked.resolve()
    }
    const answer = await buffer(request)
    response.writeHead(202, { 'content-length': 0 }).end()
    if (request.url?.endsWith('/response')) answered.resolve()
    else answered.reject(new Error(`${what.folder} answered ${answer}`))
  }
  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const call = async (): Promise<void> => {
    await asked.promise
    asked = Promise.withResolvers()
    answered = Promise.withResolvers()
    waiting
      ?.writeHead(200, { 'lambda-runtime-aws-request-id': randomUUID(), 'content-length': order.length })
      .end(order)
    await answered.promise
  }
  const startedMs = performance.now()
  const child = spawn(join(what.filesDir, 'bootstrap'), {
    cwd: what.filesDir,
    env: {
      ...{ PATH: process.env.PATH, LANG: 'en_US.UTF-8', AWS_LAMBDA_FUNCTION_NAME: 'till' },
      ...{
        LAMBDA_TASK_ROOT: what.filesDir,
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      },
    },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  const died = ended.then(([code]): never => {
    throw new Error(`${what.folder} ended with ${code}`)
  })
  died.catch(() => undefined)
  await Promise.race([call(), died])
  return {
    firstMs: performance.now() - startedMs,
    call: () => Promise.race([call(), died]),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
      server.closeAllConnections()
      server.close()
    },
  }
}
