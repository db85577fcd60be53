import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { readSignature } from '@weft/archive'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCommand } from '../program.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-sign-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function weft(...args: string[]) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const io = { env: {}, stdout, stderr, readStdin: async () => Buffer.alloc(0), stop: new AbortController().signal }
  const code = await runCommand(args, io)
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

/** A zip that holds nothing: its end record alone. */
const emptyZip = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)])

test('signs a package in place and prints the thumbprint of the key', async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const key = join(dir, 'key.pem')
  const zip = join(dir, 'package.zip')
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(zip, emptyZip)
  const { code, out } = await weft('sign', zip, '--key', key, '--days', '30')
  const read = readSignature(readFileSync(zip))
  expect(code).toBe(0)
  expect(read).toMatchObject({ ok: true, value: { thumbprint: out.trim() } })
  expect((await weft('sign', zip, '--key', key, '--out', join(dir, 'other.zip'))).code).toBe(0)
  expect(readSignature(readFileSync(join(dir, 'other.zip'))).ok).toBe(true)
})

test('tells what is wrong with the key or the package', async () => {
  const key = join(dir, 'key.pem')
  writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(dir, 'no.zip'), 'no zip')
  expect(await weft('sign', join(dir, 'no.zip'), '--key', key)).toMatchObject({
    code: 1,
    err: expect.stringContaining('is no zip'),
  })
  expect(await weft('sign', join(dir, 'missing'), '--key', key)).toMatchObject({
    code: 1,
    err: expect.stringContaining('cannot be read: ENOENT'),
  })
  expect(await weft('sign', join(dir, 'no.zip'), '--key', join(dir, 'no.zip'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('no private key'),
  })
})
