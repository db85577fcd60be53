import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { FabricConnection } from '@weft/contracts'
import { startFabric } from '@weft/kit'
import { expect, test } from 'vitest'
import { zipFolder } from './demo/zip-folder.ts'

const hello = fileURLToPath(new URL('../../../examples/hello/', import.meta.url))
const main = fileURLToPath(new URL('./main.ts', import.meta.url))

const clientOf = ({ http, region, accessKeyId, secretAccessKey }: FabricConnection): LambdaClient =>
  new LambdaClient({ endpoint: http, region, credentials: { accessKeyId, secretAccessKey } })

async function createHello(connection: FabricConnection): Promise<void> {
  const client = clientOf(connection)
  await client.send(
    new CreateFunctionCommand({
      FunctionName: 'hello',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Role: `arn:aws:iam::${connection.accountId}:role/hello`,
      Code: { ZipFile: await zipFolder(hello) },
    }),
  )
  client.destroy()
}

async function callHello(connection: FabricConnection, name: string): Promise<string> {
  const client = clientOf(connection)
  const answer = await client.send(new InvokeCommand({ FunctionName: 'hello', Payload: JSON.stringify({ name }) }))
  client.destroy()
  return (JSON.parse(answer.Payload?.transformToString() ?? '') as { message: string }).message
}

test('a fabric runs a function, stops cleanly, and knows the function after a restart', async () => {
  await using fabric = await startFabric()
  const file = join(fabric.dataDir, 'connection.json')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  await createHello(fabric.connection)
  expect(await callHello(fabric.connection, 'Ada')).toBe('Hello, Ada!')
  const keys = fabric.connection.accessKeyId

  expect(await fabric.stop()).toBe(0)
  expect(existsSync(file)).toBe(false)
  await fabric.restart()
  expect(fabric.connection.accessKeyId).toBe(keys)
  expect(await callHello(fabric.connection, 'Grace')).toBe('Hello, Grace!')
})

test('a fabric that was killed leaves no server behind and starts again', async () => {
  await using fabric = await startFabric()
  await createHello(fabric.connection)
  expect(await callHello(fabric.connection, 'Ada')).toBe('Hello, Ada!')
  fabric.kill('SIGKILL')
  await fabric.restart()
  expect(await callHello(fabric.connection, 'Grace')).toBe('Hello, Grace!')
})

test('a function answers while the bus is away, and events are taken again when it is back', async () => {
  await using fabric = await startFabric()
  const { connection } = fabric
  await createHello(connection)
  expect(await callHello(connection, 'Ada')).toBe('Hello, Ada!')
  const health = await fetch(`${connection.http}/healthz/bus`)
  const { details } = (await health.json()) as { details: { natsPid: number } }
  process.kill(details.natsPid, 'SIGKILL')
  expect(await callHello(connection, 'Grace')).toBe('Hello, Grace!')
  const client = clientOf(connection)
  const event = () => client.send(new InvokeCommand({ FunctionName: 'hello', InvocationType: 'Event', Payload: '{}' }))
  const status = async (): Promise<number | string> => (await event()).StatusCode ?? 0
  await expect.poll(() => status().catch(String), { timeout: 60_000, interval: 250 }).toBe(202)
  await expect.poll(async () => (await fetch(`${connection.http}/readyz`)).status, { timeout: 60_000 }).toBe(200)
  client.destroy()
})

test('two fabrics run side by side, but not on one data directory', async () => {
  await using one = await startFabric()
  await using two = await startFabric()
  await createHello(one.connection)
  await expect(callHello(two.connection, 'Ada')).rejects.toThrow(/Function not found/)
  await expect(startFabric({ dataDir: one.dataDir })).rejects.toThrow(/another fabric is running on/)
  expect(await callHello(one.connection, 'Ada')).toBe('Hello, Ada!')
})

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [main, ...args]).then(
    ({ stdout }) => ({ code: 0, text: stdout }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, text: stderr }),
  )

test('exit codes: 0 for help, 1 and one clear line for what cannot start', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, text: expect.stringContaining('--data-dir') })
  expect(await run('--sandbox', 'vm')).toMatchObject({ code: 1, text: expect.stringContaining('vm') })
  const dir = mkdtempSync(join(tmpdir(), 'weft-start-'))
  try {
    await using fabric = await startFabric()
    const taken = new URL(fabric.connection.http).port
    const ports = ['--grpc-port', '0', '--nats-port', '0', '--http-port', taken]
    const refused = await run('--no-demo', '--log-level', 'silent', '--data-dir', dir, ...ports)
    expect(refused.code).toBe(1)
    expect(refused.text.trim().split('\n')).toEqual([expect.stringMatching(/^weft: .*EADDRINUSE/)])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
