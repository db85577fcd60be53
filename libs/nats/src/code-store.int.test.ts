import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNatsServer } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import type { CodeStore } from '@weft/registry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKeyring } from './accounts/keyring.ts'
import { serverConfig } from './accounts/server-config.ts'
import { openCodeInventory, openCodeStore } from './code-store.ts'
import { ensureFabric, leastStorageBytes } from './fabric.ts'
import { type NatsLink, openLink } from './link.ts'

let link: NatsLink
let admin: NatsLink
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const stack = new AsyncDisposableStack()

/** As the user that a frontend is, so that a missing permission fails here. */
beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), 'weft-code-'))
  stack.defer(() => rmSync(dir, { recursive: true, force: true }))
  const keyring = createKeyring(join(dir, 'keys'), { tenantStorageBytes: 64 * 1024 ** 2 })
  const natsDir = join(dir, 'nats')
  const limits = { sync: 'default', maxStorageBytes: 2 * 1024 ** 3, serverName: 'test' } as const
  const config = await serverConfig(keyring, { port: 0, dir: natsDir, ...limits })
  const server = stack.use(await startNatsServer({ dir: natsDir, config }))
  const open = async (creds: string) => stack.use(await openLink({ servers: [server.url], name: 'test', log, creds }))
  admin = await open(await keyring.serviceCreds('admin'))
  await ensureFabric(admin, { replicas: 1, storageBytes: leastStorageBytes })
  link = await open(await keyring.serviceCreds('frontend'))
})
afterAll(() => stack.disposeAsync())

test('a package that was put again is not removed by who listed it before', async () => {
  const store = openCodeStore(link)
  const inventory = openCodeInventory(link)
  const zip = new Uint8Array(2 * 1024 * 1024 + 1).fill(3)
  await store.put(zip)
  const [listed, ...more] = await inventory.list()
  expect(more).toEqual([])
  expect(listed).toMatchObject({ digest: digestOf(zip) })
  if (!listed) throw new Error('not listed')
  await store.put(zip)
  expect(await inventory.remove(listed.digest, listed.revision)).toEqual({ ok: false, error: 'conflict' })
  expect(Buffer.compare(await store.get(listed.digest), zip)).toBe(0)
})

test('a removed package is gone with all its parts and can be put again', async () => {
  const store = openCodeStore(link)
  const inventory = openCodeInventory(link)
  for (const one of await inventory.list()) await inventory.remove(one.digest, one.revision)
  expect(await inventory.list()).toEqual([])
  expect((await link.jsm.streams.info('OBJ_weft-code', { subjects_filter: '$O.weft-code.C.>' })).state.subjects).toBe(
    undefined,
  )
  const zip = new Uint8Array(2 * 1024 * 1024 + 1).fill(3)
  await expect(store.get(digestOf(zip))).rejects.toThrow('not in the store')
  await store.put(zip)
  expect(Buffer.compare(await store.get(digestOf(zip)), zip)).toBe(0)
  expect((await inventory.list()).map((one) => one.digest)).toEqual([digestOf(zip)])
})

async function* piecesOf(bytes: Uint8Array, pieceBytes = 70_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}
const partSubjects = async () =>
  Object.keys(
    (await link.jsm.streams.info('OBJ_weft-code', { subjects_filter: '$O.weft-code.C.>' })).state.subjects ?? {},
  )
const partsStored = async () => (await partSubjects()).length
const read = async (store: CodeStore, digest: string): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  for await (const part of store.getStream(digest)) parts.push(part)
  return Buffer.concat(parts)
}

test('a layer goes in and comes out in pieces, and is not asked for again when it is there', async () => {
  const store = openCodeStore(link)
  const blob = randomBytes(5 * 1024 * 1024 + 3)
  const digest = digestOf(blob)
  expect(await store.putStream(digest, blob.byteLength, piecesOf(blob))).toEqual({ ok: true, value: undefined })
  expect((await read(store, digest)).equals(blob)).toBe(true)
  let begun = false
  async function* watched(): AsyncGenerator<Uint8Array> {
    begun = true
    yield blob
  }
  expect(await store.putStream(digest, blob.byteLength, watched())).toEqual({ ok: true, value: undefined })
  expect(begun).toBe(false)
  expect(Buffer.compare(await store.get(digest), blob)).toBe(0)
  await expect(read(store, digestOf(randomBytes(4)))).rejects.toThrow('not in the store')
})

test('what is not what it should be leaves nothing behind', async () => {
  const store = openCodeStore(link)
  const before = await partsStored()
  const blob = randomBytes(2_500_000)
  const digest = digestOf(blob)
  const different = { ok: false, error: 'different' }
  expect(await store.putStream(digest, blob.byteLength, piecesOf(randomBytes(2_500_000)))).toEqual(different)
  expect(await store.putStream(digest, blob.byteLength - 1, piecesOf(blob))).toEqual(different)
  expect(await store.putStream(digest, blob.byteLength + 1, piecesOf(blob))).toEqual(different)
  expect(await store.putStream(digest, 0, piecesOf(new Uint8Array()))).toEqual(different)
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield blob.subarray(0, 2_000_000)
    throw new Error('the registry is gone')
  }
  await expect(store.putStream(digest, blob.byteLength, broken())).rejects.toThrow('the registry is gone')
  expect(await partsStored()).toBe(before)
  await expect(read(store, digest)).rejects.toThrow('not in the store')
})

test('writers of one layer that meet all have it, and one copy stays', async () => {
  const store = openCodeStore(link)
  const before = await partsStored()
  const blob = randomBytes(1_500_000)
  const digest = digestOf(blob)
  const puts = Array.from({ length: 4 }, () => store.putStream(digest, blob.byteLength, piecesOf(blob)))
  expect((await Promise.all(puts)).every(({ ok }) => ok)).toBe(true)
  expect(await partsStored()).toBe(before + 1)
  expect((await read(store, digest)).equals(blob)).toBe(true)
})

test('a package that very many put at the same time is there for all of them', async () => {
  const store = openCodeStore(link)
  const zip = randomBytes(10_000)
  await store.put(zip)
  const putOften = async (): Promise<void> => {
    for (let n = 0; n < 10; n++) await store.put(zip)
  }
  await Promise.all(Array.from({ length: 40 }, putOften))
  expect(Buffer.from(await store.get(digestOf(zip))).equals(zip)).toBe(true)
})

test('a layer that was damaged in the store is not believed', async () => {
  const store = openCodeStore(link)
  const blob = randomBytes(3_000)
  const digest = digestOf(blob)
  const known = new Set(await partSubjects())
  await store.putStream(digest, blob.byteLength, piecesOf(blob))
  const subject = (await partSubjects()).find((one) => !known.has(one)) ?? ''
  await link.jsm.streams.purge('OBJ_weft-code', { filter: subject })
  await link.js.publish(subject, randomBytes(3_000))
  await expect(read(store, digest)).rejects.toThrow('damaged')
  await expect(store.get(digest)).rejects.toThrow('damaged')
})

test('what a writer that died left is cleared up, and nothing else', async () => {
  const store = openCodeStore(link)
  const inventory = openCodeInventory(link)
  const kept = randomBytes(1_000)
  await store.putStream(digestOf(kept), kept.byteLength, piecesOf(kept))
  await link.js.publish('$O.weft-code.C.left-behind', 'half of it')
  const before = await partsStored()
  expect(await inventory.removeUnfinished(Date.now() - 60_000)).toBe(0)
  expect(await inventory.removeUnfinished(Date.now() + 60_000)).toBe(1)
  expect(await partsStored()).toBe(before - 1)
  expect((await read(store, digestOf(kept))).equals(kept)).toBe(true)
})

test('a layer that the store has no room for is refused, and leaves nothing behind', async () => {
  const store = openCodeStore(link)
  const { config, state } = await admin.jsm.streams.info('OBJ_weft-code')
  await admin.jsm.streams.update('OBJ_weft-code', { max_bytes: state.bytes + 2_000_000 })
  try {
    const before = await partsStored()
    const blob = randomBytes(4_000_000)
    const digest = digestOf(blob)
    expect(await store.putStream(digest, blob.byteLength, piecesOf(blob))).toEqual({ ok: false, error: 'full' })
    expect(await partsStored()).toBe(before)
    const small = randomBytes(1_000_000)
    expect(await store.putStream(digestOf(small), small.byteLength, piecesOf(small))).toMatchObject({ ok: true })
  } finally {
    await admin.jsm.streams.update('OBJ_weft-code', { max_bytes: config.max_bytes })
  }
})
