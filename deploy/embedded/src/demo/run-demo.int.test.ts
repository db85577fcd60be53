import { Writable } from 'node:stream'
import type { FabricConnection } from '@weft/contracts'
import { startFabric } from '@weft/kit'
import { expect, it } from 'vitest'
import { runDemo } from './index.ts'

async function outputOf(connection: FabricConnection): Promise<string> {
  let text = ''
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  await runDemo(connection, out)
  return text
}

/** What a step's line says, without its time. */
const resultOf = (output: string, step: string): string | undefined =>
  output
    .split('\n')
    .find((line) => line.trimStart().startsWith(step))
    ?.trim()
    .slice(step.length)
    .trim()
    .replace(/ {2}\(.*\)$/, '')
const number = (text: string | undefined): number => Number(/[\d,]+/.exec(text ?? '')?.[0].replaceAll(',', ''))

it('streams the packages of this machine through the examples, and does it again after a restart', async () => {
  await using fabric = await startFabric()

  const first = await outputOf(fabric.connection)
  const published = number(resultOf(first, 'publish to the stream packages'))
  expect(published).toBeGreaterThanOrEqual(500)
  expect(resultOf(first, 'deploy the examples')).toBe('5 created')
  expect(number(resultOf(first, 'wait for the report'))).toBe(published)
  for (const seen of ['Hello, AWS SDK!', 'Hello, gRPC!', 'Hello, NATS!', 'code read-only', 'accepted: 202', 'digest '])
    expect(first).toContain(seen)

  const second = await outputOf(await fabric.restart())
  expect(resultOf(second, 'deploy the examples')).toBe('5 unchanged')
  expect(resultOf(second, 'publish to the stream packages')).toMatch(/^0 new, /)
  expect(resultOf(second, 'map the stream to package-ledger')).toBe('unchanged')
  expect(number(resultOf(second, 'wait for the report'))).toBe(published)
})

it('fails with one clear line where no fabric answers', async () => {
  const nowhere = { http: 'http://127.0.0.1:1', grpc: '127.0.0.1:1', nats: 'nats://127.0.0.1:1' }
  const connection = {
    ...nowhere,
    region: 'us-east-1',
    accountId: '000000000000',
    accessKeyId: 'AKIATEST',
    secretAccessKey: 'secret',
    natsCreds: '/nowhere/client.creds',
  }
  await expect(outputOf(connection)).rejects.toThrow(/^the main job: .*no such file/)
})
