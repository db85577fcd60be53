import { buckets, type LayerEntry } from '@weft/contracts'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureFabric, leastStorageBytes } from '../fabric.ts'
import { type NatsLink, openLink } from '../link.ts'
import { openCollection } from './collection.ts'

let server: TestNatsServer
let link: NatsLink

beforeAll(async () => {
  server = await startNatsServer()
  link = await openLink({ servers: [server.url], name: 'collection test', log })
  await ensureFabric(link, { replicas: 1, storageBytes: leastStorageBytes })
})
afterAll(async () => {
  await link?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

test('what one instance writes it sees at once, another soon, and one that starts later from the beginning', async () => {
  await using one = openCollection<LayerEntry>(link, buckets.layers, { log })
  await using other = openCollection<LayerEntry>(link, buckets.layers, { log })
  await Promise.all([one.whenReady, other.whenReady])
  expect(one.problems()).toEqual([])
  const made = await one.store.create('000000000000.a.numbering', { lastVersion: 1 })
  expect(one.get('000000000000.a.numbering')).toEqual({ lastVersion: 1 })
  await expect.poll(() => other.get('000000000000.a.numbering')).toEqual({ lastVersion: 1 })
  expect(await other.store.create('000000000000.a.numbering', { lastVersion: 9 })).toEqual({
    ok: false,
    error: 'exists',
  })
  if (!made.ok) throw new Error('not made')
  await one.store.replace('000000000000.a.numbering', { lastVersion: 2 }, made.value.revision)
  await one.store.create('000000000001.a.numbering', { lastVersion: 7 })
  await using late = openCollection<LayerEntry>(link, buckets.layers, { log })
  await late.whenReady
  expect(late.list('000000000000.')).toEqual([{ lastVersion: 2 }])
  const stored = await late.store.read('000000000000.a.numbering')
  await late.store.remove('000000000000.a.numbering', stored?.revision ?? 0)
  await expect.poll(() => one.list('')).toEqual([{ lastVersion: 7 }])
})
