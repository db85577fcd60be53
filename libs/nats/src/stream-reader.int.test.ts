import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type NatsLink, openLink } from './link.ts'
import { type StoredMessage, type StreamReader, streamReader } from './stream-reader.ts'

const stack = new AsyncDisposableStack()
let link: NatsLink
let reader: StreamReader

beforeAll(async () => {
  const server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger }))
  await link.jsm.streams.add({ name: 'R', subjects: ['r.>'] })
  reader = streamReader(link, 'R')
  for (let n = 1; n <= 1_200; n++) await link.js.publish(`r.${n % 3}`, `${n}`)
})
afterAll(() => stack.disposeAsync())

const texts = async (messages: AsyncIterable<StoredMessage>): Promise<string[]> => {
  const found: string[] = []
  for await (const message of messages) found.push(new TextDecoder().decode(message.data))
  return found
}

test('scans what is there, from a sequence or a time, by subjects, and ends', async () => {
  expect(await texts(reader.scan({ filter: 'r.>', from: { sequence: 1 } }))).toHaveLength(1_200)
  expect(await texts(reader.scan({ filter: 'r.>', from: { sequence: 1_199 } }))).toEqual(['1199', '1200'])
  expect(await texts(reader.scan({ filter: ['r.0', 'r.1'], from: { sequence: 1_198 } }))).toEqual(['1198', '1200'])
  expect(await texts(reader.scan({ filter: 'r.none', from: { sequence: 1 } }))).toEqual([])
  expect(await texts(reader.scan({ filter: 'r.>', from: { sequence: 5_000 } }))).toEqual([])
  expect(await texts(reader.scan({ filter: 'r.>', from: { timeMs: 0 } }))).toHaveLength(1_200)
  expect(await texts(reader.scan({ filter: 'r.>', from: { timeMs: Date.now() + 60_000 } }))).toEqual([])
})

test('leaves no consumer behind', async () => {
  for await (const _ of reader.scan({ filter: 'r.>', from: { sequence: 1 } })) break
  expect((await link.jsm.streams.info('R')).state.consumer_count).toBe(0)
})

test('tells subjects and state', async () => {
  expect(await reader.subjects('r.*')).toEqual(
    new Map([
      ['r.0', 400],
      ['r.1', 400],
      ['r.2', 400],
    ]),
  )
  expect(await reader.state()).toMatchObject({ firstSequence: 1, lastSequence: 1_200 })
})

test('follows until told to stop', async () => {
  const stop = new AbortController()
  const found: number[] = []
  await link.js.publish('r.0', 'more')
  for await (const message of reader.follow({ filter: 'r.>', fromSequence: 1_200, signal: stop.signal })) {
    found.push(message.sequence)
    if (found.length === 2) await link.js.publish('r.0', 'even more')
    if (found.length === 3) stop.abort()
  }
  expect(found).toEqual([1_200, 1_201, 1_202])
})
