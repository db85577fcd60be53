import { accountId, buckets } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { testSealer } from '@weft/platform/testing'
import { addAccessKey, createRole, createUser, identityKey, lambdaTrust, putInlinePolicy } from '@weft/policy'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ensureFabric, leastStorageBytes } from './fabric.ts'
import { openIdentities } from './identities.ts'
import { type NatsLink, openLink } from './link.ts'

const account = accountId('000000000000')
const options = { log: silentLogger, sealer: testSealer() }
let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer()
  link = await openLink({ servers: [server.url], name: 'test', log: silentLogger })
  await ensureFabric(link, { replicas: 1, storageBytes: leastStorageBytes })
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

// Only against hanging: news of a change travels in milliseconds.
const patience = 60_000
const stamp = { nowMs: 0, idSuffix: 'A'.repeat(17) }

test('a change of a role is seen at once where it was made, and soon everywhere else', async () => {
  await using here = openIdentities(link, options)
  await using there = openIdentities(link, options)
  await Promise.all([here.whenReady, there.whenReady])
  const made = createRole(account, { name: 'A.b@c', path: '/', trustPolicy: lambdaTrust(), tags: [] }, stamp)
  if (!made.ok) throw new Error(made.error.message)
  const key = identityKey(account, 'role', 'a.B@C')
  expect((await here.store.create(key, made.value)).ok).toBe(true)
  expect((await there.store.create(key, made.value)).ok).toBe(false)
  expect(here.role(account, 'a.b@c')?.name).toBe('A.b@c')
  await vi.waitFor(() => expect(there.role(account, 'A.b@c')).toEqual(made.value), patience)
  const document = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } })
  const changed = putInlinePolicy(made.value, 'p', document)
  const stored = await there.store.read(key)
  if (!changed.ok || !stored) throw new Error('lost')
  expect((await there.store.replace(key, changed.value, stored.revision)).ok).toBe(true)
  expect((await here.store.replace(key, made.value, stored.revision)).ok).toBe(false)
  await vi.waitFor(() => expect(here.role(account, 'A.b@c')?.inlinePolicies).toEqual({ p: document }), patience)
  expect(here.roles(account).map((role) => role.name)).toEqual(['A.b@c', 'weft-full-access'])
})

test('a user is found by its keys, whose secrets the store does not tell', async () => {
  await using identities = openIdentities(link, options)
  await identities.whenReady
  const user = createUser(account, { name: 'ann', path: '/', tags: [] }, stamp)
  const key = { accessKeyId: 'AKIA1', secretAccessKey: 'open secret', status: 'Active', createdAtMs: 0 } as const
  const keyed = user.ok ? addAccessKey(user.value, key) : user
  if (!keyed.ok) throw new Error(keyed.error.message)
  const place = identityKey(account, 'user', 'ann')
  await identities.store.create(place, keyed.value)
  expect(identities.userOfKey('AKIA1')?.accessKeys).toEqual([key])
  const raw = await link.jsm.streams.getMessage(`KV_${buckets.identities}`, {
    last_by_subj: `$KV.${buckets.identities}.${place}`,
  })
  expect(raw?.string()).not.toContain('open secret')
  await using again = openIdentities(link, options)
  await again.whenReady
  expect(again.userOfKey('AKIA1')?.accessKeys).toEqual([key])
  const stored = await again.store.read(place)
  await again.store.remove(place, stored?.revision ?? 0)
  expect(again.userOfKey('AKIA1')).toBeUndefined()
  await vi.waitFor(() => expect(identities.user(account, 'ann')).toBeUndefined(), patience)
})
