import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import type { Answer, FabricClient } from '@weft/cli'
import { type FabricConnection, limits } from '@weft/contracts'
import { ZipFile } from 'yazl'

const sources = {
  node: { 'index.mjs': 'export const handler = async (event) => event\n' },
  python: { 'index.py': 'def handler(event, context):\n    return event\n' },
  /** Logs the event's mark and the time it began. */
  stamp: {
    'index.mjs':
      'export const handler = async ({ mark }) => { console.log("stamp", mark, performance.timeOrigin + performance.now()) }\n',
  },
  /** Does nothing, so that a drain measures the path and not the log. */
  sink: { 'index.mjs': 'export const handler = async () => {}\n' },
  /** Logs how many records a batch held and when it began. */
  batch: {
    'index.mjs':
      'export const handler = async ({ Records }) => { console.log("batch", Records.length, performance.timeOrigin + performance.now()) }\n',
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>

export type BenchFunction = keyof typeof sources

async function zipOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile()
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name)
  zip.end()
  return buffer(zip.outputStream)
}

/** Sends a request of the Lambda API; anything but a success is an error. */
export async function lambda(client: FabricClient, method: string, path: string, body?: object): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const answer = await client.send('lambda', method, path, { 'content-type': 'application/json' }, text)
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.error.code}: ${answer.error.message}`)
  return answer.value
}

const pythons = ['python3.13', 'python3.11', 'python3.12', 'python3.14', 'python3.10', 'python3.9']

/**
 * Memory that buys one full processor. With less, what is measured is the quota: at 256 MB a function stands still for
 * most of every 100 ms in which it has used up its 14, as on AWS, and none of the bare servers has a quota.
 */
const fullCpuMb = limits.memoryMbPerCpu

/** Creates a function and waits until it is active. */
export async function createFunction(
  client: FabricClient,
  connection: FabricConnection,
  what: BenchFunction,
  name: string,
  memoryMb: number = fullCpuMb,
): Promise<void> {
  const zip = await zipOf(sources[what])
  const create = (runtime: string): Promise<void> =>
    createPackage(client, connection, { functionName: name, runtime, handler: 'index.handler', zip, memoryMb })
  if (what === 'python') await firstThatWorks(pythons, create)
  else await create('nodejs24.x')
}

export interface PackagedFunction {
  readonly functionName: string
  readonly runtime: string
  readonly handler: string
  readonly zip: Buffer
  readonly memoryMb?: number
}

/** The same of a package. */
export async function createPackage(
  client: FabricClient,
  connection: FabricConnection,
  { functionName, runtime, handler, zip, memoryMb = fullCpuMb }: PackagedFunction,
): Promise<void> {
  await lambda(client, 'POST', '/2015-03-31/functions', {
    FunctionName: functionName,
    Runtime: runtime,
    Role: `arn:aws:iam::${connection.accountId}:role/bench`,
    Handler: handler,
    MemorySize: memoryMb,
    Timeout: 30,
    Code: { ZipFile: zip.toString('base64') },
  })
  for (const deadlineMs = performance.now() + 30_000; ; await wait(20)) {
    const answer = await lambda(client, 'GET', `/2015-03-31/functions/${functionName}/configuration`)
    const { State } = JSON.parse(answer.body.toString('utf8')) as { State: string }
    if (State === 'Active') return
    if (performance.now() > deadlineMs) throw new Error(`${functionName} did not become active: ${State}`)
  }
}

async function firstThatWorks<T>(candidates: readonly T[], attempt: (one: T) => Promise<unknown>): Promise<void> {
  let last: unknown
  for (const one of candidates) {
    try {
      await attempt(one)
      return
    } catch (error) {
      last = error
    }
  }
  throw last
}

export const deleteFunction = async (client: FabricClient, name: string): Promise<void> => {
  await lambda(client, 'DELETE', `/2015-03-31/functions/${name}`)
}
