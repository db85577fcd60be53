import { accountId, catalogueKeys, type FunctionRecord, functionName, type Member } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger, systemClock } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { accountsSeenByAll, openAudience } from './audience.ts'
import { openCatalogue, openStores } from './catalogue.ts'
import { ensureFabric, leastStorageBytes, memberTtlMs } from './fabric.ts'
import { type NatsLink, openLink } from './link.ts'
import { announce, watchMembers } from './members.ts'

const us = accountId('123456789012')
const name = functionName('f')
const key = catalogueKeys.function(us, name)
const record = (description: string): FunctionRecord =>
  ({
    accountId: us,
    functionName: name,
    latest: { version: '$LATEST', environment: {}, code: {}, description },
  }) as never
const log = silentLogger
let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer()
  link = await openLink({ servers: [server.url], name: 'test', log })
  await ensureFabric(link, { replicas: 1, storageBytes: leastStorageBytes })
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const memberOf = (instanceId: string): Member => ({ service: 'frontend', instanceId, address: '', startedAtMs: 0 })

/** A frontend, as far as it looks into the catalogue; `clock` tells when others are gone. */
async function openFrontend(instanceId: string, clock = new FakeClock()) {
  const stack = new AsyncDisposableStack()
  const catalogue = stack.use(openCatalogue(link, { log }))
  const members = stack.use(watchMembers(link, { log, clock }))
  await Promise.all([catalogue.whenReady, members.whenReady])
  const options = { self: memberOf(instanceId), catalogue, members, clock: systemClock, log }
  const audience = stack.use(openAudience(link, options))
  const { functions } = openStores(link, catalogue)
  return { catalogue, members, audience, functions, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

test('a change is seen by all within a second, however many there are in a row', async () => {
  await using one = await openFrontend('one')
  await using two = await openFrontend('two')
  await expect.poll(() => one.members.list('frontend').length).toBe(2)
  let stored = await one.functions.create(key, record('0'))
  for (let n = 1; n <= 100; n++) {
    if (!stored.ok) throw new Error('not stored')
    const replaced = await one.functions.replace(key, record(String(n)), stored.value.revision)
    if (!replaced.ok) throw new Error('not replaced')
    stored = replaced
  }
  if (!stored.ok) throw new Error('not stored')
  const { revision } = stored.value
  const shown = one.catalogue.function(us, name)
  expect(shown && one.catalogue.revisionOf(shown)).toBe(revision)
  expect(one.audience.seenByAll(revision + 1)).toBe(false)
  for (const { audience } of [one, two]) await expect.poll(() => audience.seenByAll(revision)).toBe(true)
  expect(two.catalogue.function(us, name)?.latest.description).toBe('100')
})

test('who changes accounts can wait until every frontend knows, and waits for none that does not tell in time', async () => {
  await using one = await openFrontend('five')
  const { accounts } = openStores(link, one.catalogue)
  const stored = await accounts.create(us, { accountId: us, name: 'a', concurrencyLimit: 1, accessKeys: [] })
  if (!stored.ok) throw new Error('not stored')
  const { revision } = stored.value
  const mine = { list: () => one.members.list('frontend').filter(({ instanceId }) => instanceId === 'five') }
  const members = { ...one.members, ...mine }
  expect(await accountsSeenByAll(members, revision, systemClock, 10_000)).toBe(true)
  const clock = new FakeClock()
  const waiting = accountsSeenByAll(members, revision + 1, clock, 5_000)
  clock.advance(5_000)
  expect(await waiting).toBe(false)
})

test('a frontend that is behind holds it up, until it is known to be gone', async () => {
  const clock = new FakeClock()
  await using one = await openFrontend('three', clock)
  const behind = announce(link, { ...memberOf('behind'), catalogueRevision: 1 }, { log })
  await expect.poll(() => one.members.list('frontend').some(({ instanceId }) => instanceId === 'behind')).toBe(true)
  await behind[Symbol.asyncDispose]()
  const read = await one.functions.read(key)
  const stored = await one.functions.replace(key, record('more'), read?.revision ?? 0)
  if (!stored.ok) throw new Error('not stored')
  const { revision } = stored.value
  await expect.poll(() => one.catalogue.seenRevision()).toBe(revision)
  expect(one.audience.seenByAll(revision)).toBe(false)
  clock.advance(memberTtlMs)
  expect(one.audience.seenByAll(revision)).toBe(true)
})

test('what was written while the bus was away counts as seen only when it has been read', async () => {
  await using one = await openFrontend('four')
  const before = one.catalogue.seenRevision()
  await server.restart()
  await expect.poll(() => link.problems(), { timeout: 20_000 }).toEqual([])
  const read = await one.functions.read(key)
  const stored = await one.functions.replace(key, record('after'), read?.revision ?? 0)
  if (!stored.ok) throw new Error('not stored')
  expect(stored.value.revision).toBeGreaterThan(before)
  await expect.poll(() => one.catalogue.seenRevision(), { timeout: 10_000 }).toBe(stored.value.revision)
})
