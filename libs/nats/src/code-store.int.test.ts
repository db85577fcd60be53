import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNatsServer } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKeyring } from './accounts/keyring.ts'
import { serverConfig } from './accounts/server-config.ts'
import { openCodeInventory, openCodeStore } from './code-store.ts'
import { ensureFabric, leastStorageBytes } from './fabric.ts'
import { type NatsLink, openLink } from './link.ts'

let link: NatsLink
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
  await ensureFabric(await open(await keyring.serviceCreds('admin')), { replicas: 1, storageBytes: leastStorageBytes })
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
