import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { expect, test } from 'vitest'
import { inboxPrefixOf, openLink } from './link.ts'

test('a link survives a server that is killed and starts again', async () => {
  await using server = await startNatsServer()
  await using link = await openLink({ servers: [server.url], name: 'test', log: silentLogger })
  await link.jsm.streams.add({ name: 'S', subjects: ['s'] })
  const first = await link.js.publish('s', 'one')
  expect(first.seq).toBe(1)

  await server.kill()
  await expect.poll(() => link.problems()).toEqual(['NATS connection test is down'])
  await server.restart()
  await expect.poll(() => link.problems()).toEqual([])
  expect((await link.js.publish('s', 'two')).seq).toBe(2)
})

test('an unreachable server is an error after the given time', async () => {
  const options = { servers: ['127.0.0.1:1'], name: 'test', log: silentLogger, firstConnectMs: 1 }
  await expect(openLink(options)).rejects.toThrow()
})

test('text that is no creds file is refused', () => {
  expect(() => inboxPrefixOf('x')).toThrow('not the contents')
})
