import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Account,
  accountId,
  buckets,
  catalogueKeys,
  type FunctionRecord,
  functionName,
  type PublishedVersion,
} from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import {
  ensureMasterKeys,
  newMasterKey,
  openMasterKeys,
  Sealer,
  silentLogger,
  systemClock,
  writeMasterKeys,
} from '@weft/platform'
import type { User } from '@weft/policy'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openCatalogue, openStores } from '../catalogue.ts'
import { ensureFabric, leastStorageBytes } from '../fabric.ts'
import { openIdentities } from '../identities.ts'
import { type NatsLink, openLink } from '../link.ts'
import { secretStore } from './reseal.ts'

const us = accountId('123456789012')
const name = functionName('f')
const [first, second] = ['hunter2-of-latest', 'hunter2-of-a-version']
const log = silentLogger
const dir = mkdtempSync(join(tmpdir(), 'weft-sealing-'))
const keysFile = join(dir, 'master-keys.json')
let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer({ dir: join(dir, 'nats') })
  link = await openLink({ servers: [server.url], name: 'test', log })
  await ensureFabric(link, { replicas: 1, storageBytes: leastStorageBytes })
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(async () => {
  rmSync(keysFile, { force: true })
  ensureMasterKeys(keysFile, 0)
  for (const bucket of [buckets.functions, buckets.accounts, buckets.identities])
    await link.jsm.streams.purge(`KV_${bucket}`)
})

const keys = () => openMasterKeys(keysFile)
const sealer = (): Sealer => new Sealer(keys())
/** Of a package that lies sealed: its key is as secret as the variables. */
const sealedCode = { digest: 'd', sourceKmsKeyArn: 'arn:aws:kms:k', key: 'hunter2-of-the-package' }
const codeOf = (variables: object) => (Object.keys(variables).length > 0 ? sealedCode : { digest: 'd' })
const record = (variables: Record<string, string>, of = name): FunctionRecord =>
  ({
    accountId: us,
    functionName: of,
    functionArn: `arn:aws:lambda:us-east-1:${us}:function:${of}`,
    latest: { version: '$LATEST', environment: variables, description: '', code: codeOf(variables) },
    tags: {},
  }) as unknown as FunctionRecord
const account: Account = {
  accountId: us,
  name: 'a',
  concurrencyLimit: 1,
  accessKeys: [{ accessKeyId: 'AKIA1', secretAccessKey: 'hunter2-of-the-account', status: 'Active' }],
}

/** A catalogue and its stores, as a process with these keys has them. */
async function open(with_: Sealer | undefined = sealer()) {
  const catalogue = openCatalogue(link, { log, ...(with_ && { sealer: with_ }) })
  await catalogue.whenReady
  return { catalogue, ...openStores(link, catalogue), [Symbol.asyncDispose]: () => catalogue[Symbol.asyncDispose]() }
}

const raw = async (bucket: string, key: string): Promise<Record<string, unknown>> => {
  const found = await link.jsm.streams.getMessage(`KV_${bucket}`, { last_by_subj: `$KV.${bucket}.${key}` })
  return found?.json() ?? {}
}
const put = (bucket: string, key: string, value: unknown) =>
  link.js.publish(`$KV.${bucket}.${key}`, JSON.stringify(value))

const filesOf = (folder: string): Buffer[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))

test('no secret is anywhere in the files of the store, and every process with the key reads them all', async () => {
  await using writer = await open()
  const key = catalogueKeys.function(us, name)
  const published = { ...record({ SECRET: second }).latest, version: '1' }
  await writer.functions.create(key, { ...record({ SECRET: first }), lastPublished: 'digest-of-hunter2' })
  const version: PublishedVersion = { accountId: us, functionName: name, version: published }
  await writer.versions.create(catalogueKeys.version(us, name, '1'), version)
  await writer.accounts.create(us, account)
  await using identities = openIdentities(link, { log, sealer: sealer() })
  await identities.whenReady
  const user = {
    kind: 'user',
    accountId: us,
    name: 'ada',
    accessKeys: [{ accessKeyId: 'AKIA2', secretAccessKey: 'hunter2-of-a-user', status: 'Active', createdAtMs: 0 }],
  } as unknown as User
  await identities.store.create(`${us}.user.ada`, user)

  await using reader = await open()
  expect(reader.catalogue.function(us, name)).toMatchObject({
    latest: { environment: { SECRET: first } },
    lastPublished: 'digest-of-hunter2',
  })
  expect(reader.catalogue.version(us, name, '1')?.environment).toEqual({ SECRET: second })
  expect(reader.catalogue.accountOfKey('AKIA1')).toEqual(account)
  expect((await identities.store.read(`${us}.user.ada`))?.value).toEqual(user)
  const files = filesOf(join(dir, 'nats', 'jetstream'))
  expect(files.some((file) => file.includes(key))).toBe(true)
  expect(files.filter((file) => file.includes('hunter2'))).toEqual([])
})

test('secrets are opened once for each change of a record, however often it is looked up', async () => {
  await using writer = await open()
  const counted = sealer()
  const opened: string[] = []
  const openOne = counted.open.bind(counted)
  counted.open = (envelope, resource) => {
    opened.push(resource)
    return openOne(envelope, resource)
  }
  await using reader = await open(counted)
  const key = catalogueKeys.function(us, name)
  const created = await writer.functions.create(key, record({ SECRET: first }))
  const secret = () => reader.catalogue.function(us, name)?.latest.environment.SECRET
  await expect.poll(secret).toBe(first)
  for (let n = 0; n < 100; n++) secret()
  expect(opened).toEqual([`arn:aws:lambda::${us}:function:f:$LATEST`])
  if (!created.ok) throw new Error('not created')
  await writer.functions.replace(key, record({ SECRET: 'changed' }), created.value.revision)
  await expect.poll(secret).toBe('changed')
  expect(opened).toHaveLength(2)
})

test('an envelope that was put into another record is refused', async () => {
  await using one = await open()
  const other = functionName('other')
  await one.functions.create(catalogueKeys.function(us, name), record({ SECRET: first }))
  await one.functions.create(catalogueKeys.function(us, other), record({ SECRET: 'mine' }, other))
  const { sealed } = await raw(buckets.functions, catalogueKeys.function(us, name))
  const theirs = await raw(buckets.functions, catalogueKeys.function(us, other))
  await put(buckets.functions, catalogueKeys.function(us, other), { ...theirs, sealed })
  await expect
    .poll(() => one.catalogue.function(us, other)?.latest)
    .toMatchObject({
      environment: {},
      environmentError: { code: 'KMSAccessDeniedException' },
    })
  expect(one.catalogue.problems().join()).toContain(`${us}.other`)
  expect(one.catalogue.function(us, name)?.latest.environment).toEqual({ SECRET: first })
})

test('without the key nothing opens, changes keep what is sealed, and a key that comes late opens it', async () => {
  await using owner = await open()
  const key = catalogueKeys.function(us, name)
  await owner.functions.create(key, record({ SECRET: first }))
  await owner.accounts.create(us, account)
  const originals = keys().list()

  writeMasterKeys(keysFile, [newMasterKey(1)])
  await using stranger = await open()
  expect(stranger.catalogue.function(us, name)?.latest.environmentError).toMatchObject({
    code: 'KMSNotFoundException',
    message: expect.stringContaining(originals[0]?.id ?? ''),
  })
  expect(stranger.catalogue.accountOfKey('AKIA1')).toBeUndefined()
  const stored = await stranger.functions.read(key)
  if (!stored) throw new Error('not stored')
  const { latest } = stored.value
  await stranger.functions.replace(key, { ...stored.value, latest: { ...latest, description: 'new' } }, stored.revision)
  await expect
    .poll(() => owner.catalogue.function(us, name)?.latest)
    .toMatchObject({
      description: 'new',
      environment: { SECRET: first },
    })
  const holder = await stranger.accounts.read(us)
  const added = { ...account, ...holder?.value }
  await expect(
    stranger.accounts.replace(us, { ...added, accessKeys: account.accessKeys }, holder?.revision ?? 0),
  ).rejects.toThrow('none can be added')

  writeMasterKeys(keysFile, [...originals, ...keys().list()])
  await expect.poll(() => stranger.catalogue.accountOfKey('AKIA1'), { timeout: 20_000 }).toEqual(account)
  expect(stranger.catalogue.problems()).toEqual([])
})

test('a process without keys sees records without their secrets and writes none', async () => {
  await using owner = await open()
  await owner.functions.create(catalogueKeys.function(us, name), record({ SECRET: first }))
  const closed = openCatalogue(link, { log })
  await using _closing = closed
  await closed.whenReady
  expect(closed.function(us, name)?.latest.environment).toEqual({})
  expect(closed.problems()).toEqual([])
  await expect(openStores(link, closed).accounts.create(us, account)).rejects.toThrow('no master keys')
})

test('a rotation seals what was in the open and wraps the rest anew; the old key is needed no more', async () => {
  const open1 = functionName('written-before')
  await put(buckets.functions, catalogueKeys.function(us, open1), record({ SECRET: 'open' }, open1))
  await put(buckets.accounts, us, account)
  await using one = await open()
  expect(one.catalogue.function(us, open1)?.latest.environment).toEqual({ SECRET: 'open' })
  expect(one.catalogue.accountOfKey('AKIA1')).toEqual(account)
  await one.functions.create(catalogueKeys.function(us, name), record({ SECRET: first }))
  await one.functions.create(catalogueKeys.function(us, functionName('plain')), record({}, functionName('plain')))

  const ring = keys()
  const secrets = secretStore(link, new Sealer(ring), systemClock)
  const [old] = ring.list()
  expect(await secrets.count()).toEqual({ open: 2, byKey: new Map([[old?.id, 1]]) })
  writeMasterKeys(keysFile, [...ring.list(), newMasterKey(1)])
  ring.reload()
  expect(await secrets.reseal()).toEqual({ rewrapped: 1, sealed: 2, closed: 0 })
  expect(await secrets.count()).toEqual({ open: 0, byKey: new Map([[ring.newest().id, 3]]) })
  expect(await secrets.reseal()).toEqual({ rewrapped: 0, sealed: 0, closed: 0 })

  writeMasterKeys(keysFile, [ring.newest()])
  await using later = await open()
  for (const [of, value] of [
    [name, first],
    [open1, 'open'],
  ] as const)
    expect(later.catalogue.function(us, of)?.latest.environment).toEqual({ SECRET: value })
  expect(later.catalogue.accountOfKey('AKIA1')).toEqual(account)
  // The process that was there before goes on reading.
  expect(one.catalogue.problems()).toEqual([])
})
