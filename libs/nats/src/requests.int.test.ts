import { headers } from '@nats-io/transport-node'
import { startNatsServer, type TestNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type NatsLink, openLink } from './link.ts'
import { serveRequests } from './requests.ts'

const log = silentLogger
const stack = new AsyncDisposableStack()
let server: TestNatsServer
let link: NatsLink
let client: NatsLink

beforeAll(async () => {
  server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'service', log }))
  client = stack.use(await openLink({ servers: [server.url], name: 'client', log }))
})
afterAll(() => stack.disposeAsync())

const serve = (name: string, wait?: Promise<unknown>) =>
  serveRequests(link, {
    subject: 'weft.invoke.*.>',
    queueGroup: 'group',
    log,
    handle: async (request) => {
      await wait
      if (request.subject.endsWith('.broken')) throw new Error('a bug')
      return { payload: request.payload, headers: { By: name, Echo: request.header('x-amz-log-type') ?? 'none' } }
    },
  })

test('one member of the group answers each request, with its headers', async () => {
  await using _one = serve('one')
  await using _two = serve('two')
  await link.connection.flush()
  const by = new Set<string>()
  for (let i = 0; i < 40; i++) {
    const sent = headers()
    sent.set('X-AMZ-LOG-TYPE', 'Tail')
    const reply = await client.connection.request('weft.invoke.000000000000.f', `${i}`, {
      timeout: 5_000,
      headers: sent,
    })
    expect(reply.string()).toBe(`${i}`)
    expect(reply.headers?.get('Echo')).toBe('Tail')
    by.add(reply.headers?.get('By') ?? '')
  }
  expect([...by].sort()).toEqual(['one', 'two'])
})

test('a publish is no request, and one that breaks harms no other', async () => {
  await using server = serve('one')
  await link.connection.flush()
  client.connection.publish('weft.invoke.000000000000.f', 'no reply subject')
  client.connection.publish('weft.invoke.000000000000.broken', '', { reply: 'somewhere' })
  const reply = await client.connection.request('weft.invoke.000000000000.f', 'x', { timeout: 5_000 })
  expect(reply.headers?.get('Echo')).toBe('none')
  expect(server.running).toBe(0)
})

test('stopping answers what runs and takes no more', async () => {
  const wait = Promise.withResolvers<void>()
  const serving = serve('one', wait.promise)
  await link.connection.flush()
  const answer = client.connection.request('weft.invoke.000000000000.f', 'x', { timeout: 20_000 })
  await client.connection.flush()
  await link.connection.flush()
  const stopped = serving[Symbol.asyncDispose]()
  wait.resolve()
  await stopped
  expect((await answer).string()).toBe('x')
  await expect(client.connection.request('weft.invoke.000000000000.f', 'x', { timeout: 5_000 })).rejects.toThrow()
})
