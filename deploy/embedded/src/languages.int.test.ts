import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CreateFunctionCommand,
  InvokeCommand,
  LambdaClient,
  type Runtime,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'

/** The same function in every language (examples/order), and what is a language's own in what it says. */
interface Language {
  readonly folder: string
  readonly handler: string
  /** It is tried on every runtime of this name that the fabric offers. */
  readonly runtimes: RegExp
  /** What the answer names as its runtime. */
  readonly names: RegExp
  readonly errorType: string
  /** The first line of the stack trace, which Node.js names otherwise; absent where the language has none. */
  readonly trace?: RegExp
  readonly memoryMb?: number
}

const custom = /^provided\.al2023$/

const languages: readonly Language[] = [
  {
    folder: 'java',
    handler: 'shop.Till',
    runtimes: /^java/,
    names: /^java \d+$/,
    errorType: 'shop.EmptyOrder',
    trace: /^shop\.Till\.handleRequest\(Till\.java:15\)$/,
  },
  {
    folder: 'ruby',
    handler: 'till.total',
    runtimes: /^ruby/,
    names: /^ruby \d\.\d$/,
    errorType: 'Function<EmptyOrder>',
    trace: /^\/var\/task\/till\.rb:13:in [`'].*total'$/,
  },
  {
    folder: 'nodejs',
    handler: 'till.total',
    runtimes: /^nodejs/,
    names: /^node \d+$/,
    errorType: 'EmptyOrder',
    trace: /^EmptyOrder: the order of Ada has no items$/,
  },
  {
    folder: 'python',
    handler: 'till.total',
    runtimes: /^python/,
    names: /^python 3\.\d+$/,
    errorType: 'EmptyOrder',
    trace: /^ {2}File "\/var\/task\/till\.py", line 21, in total\n/,
  },
  { folder: 'go', handler: 'bootstrap', runtimes: custom, names: /^go 1\./, errorType: 'emptyOrder' },
  { folder: 'rust', handler: 'bootstrap', runtimes: custom, names: /^rust$/, errorType: 'EmptyOrder' },
  {
    folder: 'csharp',
    handler: 'bootstrap',
    runtimes: custom,
    names: /^csharp on mono$/,
    errorType: 'EmptyOrder',
    trace: /^at Till\.Total /,
  },
]

const outDir = mkdtempSync(join(tmpdir(), 'weft-languages-'))
let fabric: TestFabric
let lambda: LambdaClient
let offered: readonly string[]

beforeAll(async () => {
  fabric = await startFabric()
  const { http, region, accessKeyId, secretAccessKey } = fabric.connection
  lambda = new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })
  const refused = await create('f', 'none', { handler: 'a.b' }, await anyZip()).catch((error: Error) => error)
  offered = /value set: \[([^\]]+)\]/.exec(`${refused}`)?.[1]?.split(', ') ?? []
})

afterAll(async () => {
  lambda.destroy()
  await fabric[Symbol.asyncDispose]()
  rmSync(outDir, { recursive: true, force: true })
})

const anyZip = (): Promise<Buffer> => zipFolder(fileURLToPath(new URL('../../../examples/hello/', import.meta.url)))

const create = (
  FunctionName: string,
  runtime: string,
  { handler, memoryMb = 256 }: Partial<Language>,
  ZipFile: Buffer,
) =>
  lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName, Runtime: runtime as Runtime, Handler: handler, MemorySize: memoryMb, Timeout: 60 },
      Role: `arn:aws:iam::${fabric.connection.accountId}:role/till`,
      Code: { ZipFile },
    }),
  )

async function call(FunctionName: string, event: unknown) {
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: 'Tail' }))
  const log = Buffer.from(answer.LogResult ?? '', 'base64').toString('utf8')
  return { error: answer.FunctionError, value: JSON.parse(answer.Payload?.transformToString() ?? ''), log }
}

describe.each(languages)('$folder', (language) => {
  let zip: Buffer

  beforeAll(() => {
    const out = join(outDir, language.folder)
    const script = fileURLToPath(new URL(`../../../examples/order/${language.folder}/build.sh`, import.meta.url))
    execFileSync(script, [out], { stdio: 'pipe' })
    zip = readFileSync(join(out, 'function.zip'))
  })

  test('cold, warm, errors, logs, timeout, on every runtime of its own', async () => {
    const runtimes = offered.filter((id) => language.runtimes.test(id))
    expect(runtimes).not.toEqual([])
    for (const runtime of runtimes) await tryOn(runtime)
  })

  async function tryOn(runtime: string): Promise<void> {
    const name = `till-${language.folder}-${runtime.replaceAll('.', '_')}`
    await create(name, runtime, language, zip)
    const order = {
      customer: 'Zoë "Z" ✓',
      items: [
        { name: 'Assam', quantity: 2, priceCents: 450 },
        { name: 'cup\n', quantity: 1, priceCents: 1_200 },
      ],
    }

    const cold = await call(name, order)
    expect(cold.error, JSON.stringify(cold.value)).toBeUndefined()
    expect(cold.value).toEqual({
      ...{ customer: order.customer, totalCents: 2_100, function: name, call: 1 },
      runtime: expect.stringMatching(language.names),
      requestId: expect.stringMatching(/^[\da-f]{8}-[\da-f-]{27}$/),
    })
    expect(cold.log).toMatch(
      new RegExp(
        `START RequestId: ${cold.value.requestId} Version: \\$LATEST\n(.*\n)*(.*order of Zoë "Z" ✓)\n(.*\n)*END RequestId: ${cold.value.requestId}\n`,
      ),
    )
    expect(cold.log).toMatch(/Init Duration: [\d.]+ ms/)

    const warm = await call(name, order)
    expect(warm.value).toMatchObject({ totalCents: 2_100, call: 2 })
    expect(warm.log).not.toContain('Init Duration')

    const failed = await call(name, { customer: 'Ada', items: [] })
    expect(failed.error).toBe('Unhandled')
    expect(failed.value).toMatchObject({
      errorType: language.errorType,
      errorMessage: 'the order of Ada has no items',
    })
    if (language.trace) expect((failed.value.stackTrace ?? failed.value.trace)[0]).toMatch(language.trace)
    // A failure of the function's is no end of its environment.
    expect((await call(name, order)).value.call).toBe(4)

    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Timeout: 1 }))
    const late = await call(name, { ...order, preparationMs: 60_000 })
    expect(late.value).toMatchObject({ errorType: 'Sandbox.Timedout' })
    expect(late.value.errorMessage).toMatch(/Task timed out after 1\.00 seconds$/)
  }
})

test('a runtime that no worker offers is refused with the name of what to install', async () => {
  const zip = await anyZip()
  const missing = ['ruby2.7', 'java11', 'python3.15', 'dotnet8'].filter((id) => !offered.includes(id))
  for (const runtime of missing) {
    const refused = await create('f', runtime, { handler: 'a.b' }, zip).catch((error: Error) => error)
    expect(refused).toMatchObject({ name: 'InvalidParameterValueException' })
    expect((refused as Error).message).toContain(`No worker offers ${runtime}: `)
  }
})
