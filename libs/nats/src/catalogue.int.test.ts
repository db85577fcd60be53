import { createHash } from 'node:crypto'
import {
  type Account,
  accountId,
  catalogueKeys,
  type EventSourceMapping,
  type FunctionRecord,
  functionName,
  type PublishedVersion,
} from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger, systemClock } from '@weft/platform'
import { testSealer } from '@weft/platform/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { neverWritten, writeEntry } from './buckets/cas.ts'
import { openCatalogue, openStores } from './catalogue.ts'
import { openCodeStore } from './code-store.ts'
import { ensureAccount, ensureFabric, leastStorageBytes } from './fabric.ts'
import { type NatsLink, openLink } from './link.ts'

const account: Account = {
  accountId: accountId('000000000000'),
  name: 'default',
  concurrencyLimit: 1_000,
  accessKeys: [{ accessKeyId: 'AK1', secretAccessKey: 's', status: 'Active' }],
}
const options = { replicas: 1, storageBytes: leastStorageBytes } as const
const log = silentLogger
const sealer = testSealer()
let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer()
  link = await openLink({ servers: [server.url], name: 'test', log })
  await ensureFabric(link, options)
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test('the fabric is set up twice without harm', async () => {
  await ensureFabric(link, options)
  await ensureFabric(link, { ...options, storageBytes: 2 * leastStorageBytes })
  await ensureAccount(link, account.accountId, options)
  await ensureAccount(link, account.accountId, options)
  await link.js.publish(`weft.event.${account.accountId}.f`, 'x')
  await expect(ensureFabric(link, { replicas: 1, storageBytes: 1 })).rejects.toThrow('bytes of disk')
})

test('a record is created once, replaced by revision, removed, and created again', async () => {
  await using catalogue = openCatalogue(link, { log, sealer })
  await catalogue.whenReady
  const { accounts } = openStores(link, catalogue)
  const changes: string[] = []
  catalogue.onChange(({ kind, key, removed }) => changes.push(`${kind} ${key} ${removed}`))

  const created = await accounts.create(account.accountId, account)
  if (!created.ok) throw new Error('not created')
  expect(catalogue.accountOfKey('AK1')).toEqual(account)
  expect(await accounts.create(account.accountId, account)).toEqual({ ok: false, error: 'exists' })

  const renamed = { ...account, name: 'renamed', accessKeys: [] }
  const replaced = await accounts.replace(account.accountId, renamed, created.value.revision)
  if (!replaced.ok) throw new Error('not replaced')
  expect(catalogue.account(account.accountId)).toEqual(renamed)
  expect(catalogue.accountOfKey('AK1')).toBeUndefined()
  const stale = await accounts.replace(account.accountId, account, created.value.revision)
  expect(stale).toEqual({ ok: false, error: 'conflict' })
  expect(await accounts.read(account.accountId)).toEqual({ value: renamed, revision: replaced.value.revision })

  expect((await accounts.remove(account.accountId, replaced.value.revision)).ok).toBe(true)
  expect(catalogue.accounts()).toEqual([])
  expect(await accounts.read(account.accountId)).toBeUndefined()
  expect((await accounts.create(account.accountId, account)).ok).toBe(true)
  expect(changes).toEqual([false, false, true, false].map((gone) => `account ${account.accountId} ${gone}`))
})

test('a change by another process shows, also one made while this one was cut off', async () => {
  await using catalogue = openCatalogue(link, { log, sealer })
  await catalogue.whenReady
  await using elsewhere = await openLink({ servers: [server.url], name: 'elsewhere', log })
  await using theirs = openCatalogue(elsewhere, { log, sealer })
  const { mappings } = openStores(elsewhere, theirs)
  const mapping = { uuid: 'u1', accountId: account.accountId } as EventSourceMapping
  const first = await mappings.create('000000000000.u1', mapping)
  if (!first.ok) throw new Error('not created')
  await expect.poll(() => catalogue.mappings()).toEqual([mapping])

  await server.kill()
  await expect.poll(() => link.problems().length + elsewhere.problems().length).toBe(2)
  await server.restart()
  await expect.poll(() => link.problems().length + elsewhere.problems().length).toBe(0)
  await mappings.remove('000000000000.u1', first.value.revision)
  await expect.poll(() => catalogue.mappings()).toEqual([])
  expect(catalogue.problems()).toEqual([])
})

test('versions and aliases show elsewhere, each version before the aliases that lead to it', async () => {
  await using catalogue = openCatalogue(link, { log, sealer })
  await using theirs = openCatalogue(link, { log, sealer })
  await Promise.all([catalogue.whenReady, theirs.whenReady])
  const { functions, versions, aliases, numberings } = openStores(link, theirs)
  const name = functionName('f')
  const whose = { accountId: account.accountId, functionName: name, functionId: 'life' }
  const key = (part: 'version' | 'alias', qualifier: string) => catalogueKeys[part](account.accountId, name, qualifier)
  const heard: string[] = []
  catalogue.onChange(({ kind, key, removed }) => heard.push(`${kind} ${key}${removed ? ' removed' : ''}`))

  await functions.create(catalogueKeys.function(account.accountId, name), {
    ...whose,
    latest: { environment: {}, code: {} },
  } as FunctionRecord)
  await numberings.create(catalogueKeys.numbering(account.accountId, name), { lastVersion: 1 })
  const one = { ...whose, version: { version: '1', environment: {}, code: {} } } as PublishedVersion
  const stored = await versions.create(key('version', '1'), one)
  const live = { ...whose, name: 'live', functionVersion: '1', description: '', revisionId: '' }
  await aliases.create(key('alias', 'live'), live)
  expect(theirs.alias(account.accountId, name, 'live')).toEqual(live)
  expect(await versions.read(key('version', '1'))).toMatchObject({ value: one })
  await expect.poll(() => catalogue.alias(account.accountId, name, 'live')).toEqual(live)
  expect(catalogue.versions(account.accountId, name)).toEqual([one.version])
  expect(heard).toEqual([
    `function ${account.accountId}.f`,
    `version ${account.accountId}.f.version.1`,
    `alias ${account.accountId}.f.alias.live`,
  ])
  if (!stored.ok) throw new Error('not stored')
  expect((await versions.remove(key('version', '1'), stored.value.revision)).ok).toBe(true)
  await expect.poll(() => catalogue.versions(account.accountId, name)).toEqual([])
  expect(heard.at(-1)).toBe(`version ${account.accountId}.f.version.1 removed`)
  expect(catalogue.problems()).toEqual([])
})

test('a bucket that was deleted and made again is read anew', async () => {
  await using catalogue = openCatalogue(link, { log, sealer })
  await catalogue.whenReady
  const { mappings } = openStores(link, catalogue)
  await mappings.create('000000000000.u2', { uuid: 'u2' } as EventSourceMapping)
  await link.jsm.streams.delete('KV_weft-mappings')
  await ensureFabric(link, { ...options, storageBytes: 2 * leastStorageBytes })
  await link.connection.reconnect()
  await expect.poll(() => catalogue.mappings()).toEqual([])
})

test('a write whose answer was lost is known to be stored', async () => {
  const lossy: NatsLink = {
    ...link,
    js: Object.assign(Object.create(link.js) as typeof link.js, {
      publish: loseFirstAnswer(link.js.publish.bind(link.js)),
    }),
  }
  const bytes = new TextEncoder().encode('{}')
  const written = await writeEntry(lossy, systemClock, 'weft-mappings', 'a.b', bytes, neverWritten)
  expect(written.ok).toBe(true)
  const again = await writeEntry(link, systemClock, 'weft-mappings', 'a.b', bytes, neverWritten)
  expect(again).toEqual({ ok: false, error: 'conflict' })
})

function loseFirstAnswer(publish: NatsLink['js']['publish']): NatsLink['js']['publish'] {
  let lost = false
  return async (...args) => {
    const ack = await publish(...args)
    if (!lost) {
      lost = true
      throw new Error('timeout')
    }
    return ack
  }
}

test('a package is stored once under its digest and verified when read', async () => {
  const store = openCodeStore(link)
  const zip = new Uint8Array(3 * 1024 * 1024 + 1).fill(7)
  const digest = createHash('sha256').update(zip).digest('hex')
  await store.put(zip)
  await store.put(zip)
  expect(Buffer.compare(await store.get(digest), zip)).toBe(0)
  await expect(store.get('0'.repeat(64))).rejects.toThrow('not in the store')
  const { state } = await link.jsm.streams.info('OBJ_weft-code')
  expect(state.messages).toBe(5)
})
