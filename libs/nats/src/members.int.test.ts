import { StorageType } from '@nats-io/jetstream'
import { startNatsServer } from '@weft/kit'
import { silentLogger as log } from '@weft/platform'
import { expect, test } from 'vitest'
import { ensureFabric } from './fabric.ts'
import { openLink } from './link.ts'
import { announce, watchMembers } from './members.ts'

const options = { replicas: 1, storageBytes: 1024 ** 3 } as const
const member = { service: 'worker', instanceId: 'w1', address: 'h:1', startedAtMs: 1 }

test('on a single server members are seen after its restart, also by who starts only then', async () => {
  await using server = await startNatsServer()
  await using link = await openLink({ servers: [server.url], name: 'test', log })
  await ensureFabric(link, options)
  await using before = watchMembers(link, { log })
  await before.whenReady
  await server.restart()
  await using after = watchMembers(link, { log })
  await after.whenReady
  await using _beat = announce(link, member, { log })
  for (const members of [before, after])
    await expect.poll(() => members.list('worker'), { timeout: 30_000 }).toEqual([member])
})

test('a bucket that an earlier fabric kept in memory moves to the disk', async () => {
  await using server = await startNatsServer()
  await using link = await openLink({ servers: [server.url], name: 'test', log })
  await ensureFabric(link, options)
  const { config } = await link.jsm.streams.info('KV_weft-members')
  await link.jsm.streams.delete(config.name)
  await link.jsm.streams.add({ ...config, storage: StorageType.Memory })
  await ensureFabric(link, options)
  expect((await link.jsm.streams.info(config.name)).config.storage).toBe(StorageType.File)
})
