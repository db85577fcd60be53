import { accountId } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureFabric } from './fabric.ts'
import { openLink } from './link.ts'
import { type ObjectStore, openObjectStore } from './object-store.ts'

const us = accountId('000000000000')
const them = accountId('111111111111')
const stack = new AsyncDisposableStack()
let store: ObjectStore
let blobs: () => Promise<number>

beforeAll(async () => {
  const server = stack.use(await startNatsServer())
  const link = stack.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger }))
  await ensureFabric(link, { replicas: 1, storageBytes: 1024 ** 3 })
  store = openObjectStore(link)
  blobs = async () => (await link.jsm.streams.info('WEFT_BLOBS')).state.messages
})
afterAll(() => stack.disposeAsync())

const read = async (key: string, range?: { first: number; last: number }): Promise<Buffer | undefined> => {
  const found = await store.open(us, 'things', key, () => range)
  if (!found) return undefined
  const parts: Uint8Array[] = []
  for await (const part of found.body) parts.push(part)
  return Buffer.concat(parts)
}

describe('the object store', () => {
  it('keeps the buckets of accounts apart', async () => {
    expect(await store.createBucket(us, 'things')).toEqual({ ok: true, value: undefined })
    expect(await store.createBucket(us, 'things')).toEqual({ ok: false, error: 'exists' })
    expect(await store.createBucket(them, 'things')).toMatchObject({ ok: true })
    await store.put(them, 'things', 'a', Buffer.from('theirs'), {})
    expect((await store.buckets(us)).map((b) => b.name)).toEqual(['things'])
    expect(await store.list(us, 'things')).toEqual([])
    expect(await store.info(us, 'things', 'a')).toBeUndefined()
  })

  it('gives back what was put, whole and in ranges over parts', async () => {
    const body = Buffer.alloc(1_300_000, Buffer.from('weft'))
    const put = await store.put(us, 'things', 'big', body, { 'content-type': 'text/plain' })
    expect(put).toMatchObject({ ok: true, value: { sizeBytes: 1_300_000, headers: { 'content-type': 'text/plain' } } })
    expect((await read('big'))?.equals(body)).toBe(true)
    const range = { first: 524_280, last: 1_048_600 }
    expect((await read('big', range))?.equals(body.subarray(range.first, range.last + 1))).toBe(true)
  })

  it('keeps empty objects and keys of any characters', async () => {
    const key = 'a/../ü* >\u0000\uffff/😀'
    await store.put(us, 'things', key, Buffer.alloc(0), {})
    expect(await read(key)).toEqual(Buffer.alloc(0))
    expect((await store.info(us, 'things', key))?.key).toBe(key)
    await store.remove(us, 'things', key)
    expect(await read(key)).toBeUndefined()
  })

  it('lists in the order of UTF-8 bytes', async () => {
    await store.createBucket(us, 'ordered')
    for (const key of ['b', '\uffff', '😀', 'a/2', 'a']) await store.put(us, 'ordered', key, Buffer.from(key), {})
    expect((await store.list(us, 'ordered')).map((o) => o.key)).toEqual(['a', 'a/2', 'b', '\uffff', '😀'])
  })

  it('leaves no bytes behind when objects are replaced, removed or refused', async () => {
    await store.createBucket(us, 'tidy')
    const before = await blobs()
    await Promise.all(Array.from({ length: 8 }, (_, n) => store.put(us, 'tidy', 'k', Buffer.from(`v${n}`), {})))
    expect(await blobs()).toBe(before + 1)
    const absent = await store.put(us, 'tidy', 'k', Buffer.from('x'), {}, { kind: 'absent' })
    expect(absent).toEqual({ ok: false, error: 'condition-failed' })
    expect(await store.put(us, 'nowhere', 'k', Buffer.from('x'), {})).toEqual({ ok: false, error: 'no-bucket' })
    await store.remove(us, 'tidy', 'k')
    expect(await blobs()).toBe(before)
  })

  it('removes only empty buckets', async () => {
    await store.createBucket(us, 'full')
    await store.put(us, 'full', 'k', Buffer.from('x'), {})
    expect(await store.deleteBucket(us, 'full')).toEqual({ ok: false, error: 'not-empty' })
    await store.remove(us, 'full', 'k')
    expect(await store.deleteBucket(us, 'full')).toMatchObject({ ok: true })
    expect(await store.deleteBucket(us, 'full')).toEqual({ ok: false, error: 'missing' })
    expect(await store.createBucket(us, 'full')).toMatchObject({ ok: true })
  })
})
