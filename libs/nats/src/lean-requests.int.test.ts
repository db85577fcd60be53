import { errors, headers } from '@nats-io/transport-node'
import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { expect, test } from 'vitest'
import { openLink } from './link.ts'

const log = silentLogger
const echo = 'echo'

async function open(url: string) {
  const link = await openLink({ servers: [url], name: 'test', log })
  link.connection.subscribe(echo, { callback: (_error, message) => void message.respond(message.data) })
  link.connection.subscribe('silent', { callback: () => {} })
  return link
}

test('requests side by side get their own answers; headers and payloads arrive', async () => {
  await using server = await startNatsServer()
  await using link = await open(server.url)
  const { connection } = link
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) => connection.request(echo, `${n}`, { timeout: 5_000 })),
  )
  expect(answers.map((answer) => answer.string())).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`))
  connection.subscribe('header', {
    callback: (_error, message) => void message.respond(message.headers?.get('A') ?? ''),
  })
  const given = headers()
  given.set('A', 'b')
  expect((await connection.request('header', '', { timeout: 5_000, headers: given })).string()).toBe('b')
  expect((await connection.request(echo, 'x', { noMux: true, timeout: 5_000 })).string()).toBe('x')
})

test('who is not answered hears so: nobody there, too late, or the connection closed', async () => {
  await using server = await startNatsServer()
  const link = await open(server.url)
  const { connection } = link
  const nobody = await connection.request('nobody', '', { timeout: 5_000 }).catch((error: unknown) => error)
  expect(nobody).toBeInstanceOf(errors.RequestError)
  expect((nobody as InstanceType<typeof errors.RequestError>).isNoResponders()).toBe(true)
  await expect(connection.request('silent', '', { timeout: 20 })).rejects.toThrow(errors.TimeoutError)
  const waits = connection.request('silent', '', { timeout: 60_000 })
  const closed = expect(waits).rejects.toThrow(errors.ClosedConnectionError)
  await connection.close()
  await closed
  await expect(connection.request(echo, '')).rejects.toThrow(errors.ClosedConnectionError)
  await link[Symbol.asyncDispose]()
})

test('a request that the server does not allow is refused at once', async () => {
  await using server = await startNatsServer({
    config:
      'authorization { users = [{ user: u, password: p, permissions: { publish: { deny: ["secret"] } } }] }\nno_auth_user: u',
  })
  await using link = await openLink({ servers: [server.url], name: 'test', log })
  await expect(link.connection.request('secret', '', { timeout: 60_000 })).rejects.toThrow(
    errors.PermissionViolationError,
  )
})
