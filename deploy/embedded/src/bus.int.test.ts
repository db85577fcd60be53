import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accountId } from '@weft/contracts'
import { openCatalogue, openLink, openStores } from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { testSealer } from '@weft/platform/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Bus, startBus } from './bus.ts'
import { lockDataDir } from './data-dir.ts'
import { ensureDefaultAccount } from './default-account.ts'

const account = accountId('000000000000')
const sealer = testSealer()
let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'weft-bus-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const start = (natsPort = 0): Promise<Bus> =>
  startBus({
    dataDir,
    host: '127.0.0.1',
    natsPort,
    durability: 'sync',
    accountId: account,
    placementPartitions: 1,
    clock: systemClock,
    log: silentLogger,
  })

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`)

test('the bus keeps its keys, its account and its streams over restarts, and ends with its owner', async () => {
  const keyOf = async (bus: Bus): Promise<string | undefined> => {
    await using catalogue = openCatalogue(bus.links.frontend, { log: silentLogger, sealer })
    await catalogue.whenReady
    const stores = openStores(bus.links.admin, catalogue)
    const created = await ensureDefaultAccount(stores, account, bus.shares.firstAccountBytes)
    return created.accessKey.accessKeyId
  }
  let first: string | undefined
  let pid: number
  {
    await using bus = await start()
    expect(bus.durability.sync).toBe('always')
    expect(bus.problems()).toEqual([])
    expect(statSync(bus.clientCredsFile).mode & 0o777).toBe(0o600)
    first = await keyOf(bus)
    expect(first).toMatch(/^AKIA[A-Z2-7]{16}$/)
    pid = bus.natsPid
  }
  expect(alive(pid)).toBe(false)
  await using again = await start()
  expect(await keyOf(again)).toBe(first)
})

test('a server that dies is started again on its port, and clients go on', async () => {
  await using bus = await start()
  const creds = readFileSync(bus.clientCredsFile, 'utf8')
  const servers = [`127.0.0.1:${bus.port}`]
  await using client = await openLink({ servers, name: 'client', creds, log: silentLogger })
  await client.jsm.streams.add({ name: 'S', subjects: ['s'] })
  await client.js.publish('s', '1')
  const dead = bus.natsPid
  process.kill(dead, 'SIGKILL')
  await expect.poll(() => bus.natsPid !== dead && client.problems().length === 0, { timeout: 60_000 }).toBe(true)
  await expect.poll(async () => (await client.js.publish('s', '2')).seq, { timeout: 60_000 }).toBe(2)
  await expect.poll(() => bus.problems()).toEqual([])
})

test('a data directory belongs to one fabric at a time', async () => {
  {
    await using _lock = await lockDataDir(dataDir)
    await expect(lockDataDir(dataDir)).rejects.toThrow('another fabric is running on')
  }
  await using lock = await lockDataDir(dataDir)
  expect(lock.path).toBe(dataDir)
})

test('a port that is taken is told in one line', async () => {
  await using bus = await start()
  const other = mkdtempSync(join(tmpdir(), 'weft-bus-'))
  try {
    const options = { dataDir: other, host: '127.0.0.1', natsPort: bus.port, durability: 'sync' as const }
    const more = { accountId: account, placementPartitions: 1, clock: systemClock, log: silentLogger }
    await expect(startBus({ ...options, ...more })).rejects.toThrow(
      /nats-server ended at start.*address already in use/,
    )
  } finally {
    rmSync(other, { recursive: true, force: true })
  }
})
