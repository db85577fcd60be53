import { accountId } from '@weft/contracts'
import { startNatsServer } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureFabric } from '../fabric.ts'
import { type NatsLink, openLink } from '../link.ts'
import { type ObjectStore, openObjectStore } from './object-store.ts'

const us = accountId('000000000000')
const them = accountId('111111111111')
const third = accountId('222222222222')
const stack = new AsyncDisposableStack()
let link: NatsLink
let store: ObjectStore
let blobs: () => Promise<number>

beforeAll(async () => {
  const server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger }))
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

describe('uploads in parts', () => {
  const least = 5 * 1024 * 1024
  const upload = async (bucket: string, key = 'k') => {
    const begun = await store.uploads.begin(us, bucket, key, { 'content-type': 'text/plain' })
    if (!begun.ok) throw new Error(begun.error)
    return { key, uploadId: begun.value }
  }
  const put = async (bucket: string, named: { key: string; uploadId: string }, n: number, body: Buffer) => {
    const done = await store.uploads.putPart(us, bucket, named, n, [body])
    if (!done.ok) throw new Error(done.error)
    return { partNumber: n, etag: done.value.etag }
  }

  it('become one object that is read whole and in ranges over its parts', async () => {
    await store.createBucket(us, 'things')
    const named = await upload('things', 'large')
    const bodies = [Buffer.alloc(least + 7, 'a'), Buffer.alloc(least + 1, 'b'), Buffer.from('end')]
    const parts = await Promise.all(bodies.map((body, at) => put('things', named, at + 1, body)))
    const made = await store.uploads.complete(us, 'things', named, parts)
    const whole = Buffer.concat(bodies)
    expect(made).toMatchObject({ ok: true, value: { sizeBytes: whole.byteLength, etag: expect.stringMatching(/-3$/) } })
    expect((await read('large'))?.equals(whole)).toBe(true)
    for (const [first, last] of [
      [0, 0],
      [least, least + 10],
      [least + 6, 2 * least + 9],
      [2 * least + 8, 2 * least + 10],
    ] as const)
      expect((await read('large', { first, last }))?.equals(whole.subarray(first, last + 1)), `${first}`).toBe(true)
    await store.remove(us, 'things', 'large')
  })

  it('leave no bytes behind: parts put twice, parts not named, uploads given up, buckets removed', async () => {
    await store.createBucket(us, 'parts')
    const before = await blobs()
    const named = await upload('parts')
    await put('parts', named, 1, Buffer.from('first'))
    const one = await put('parts', named, 1, Buffer.from('again'))
    await put('parts', named, 9, Buffer.from('unused'))
    expect(await store.uploads.complete(us, 'parts', named, [one])).toMatchObject({ ok: true })
    expect(await blobs()).toBe(before + 1)
    // The answer may have been lost: the same again is no error.
    expect(await store.uploads.complete(us, 'parts', named, [one])).toMatchObject({ ok: true })
    const other = await upload('parts')
    await put('parts', other, 1, Buffer.from('x'))
    expect(await store.uploads.abort(us, 'parts', other)).toEqual({ ok: true, value: undefined })
    expect(await store.uploads.abort(us, 'parts', other)).toEqual({ ok: false, error: 'no-upload' })
    await put('parts', await upload('parts'), 1, Buffer.from('x'))
    await store.remove(us, 'parts', 'k')
    await store.deleteBucket(us, 'parts')
    expect(await blobs()).toBe(before)
  })

  it('are refused with parts that are too small, others or of another key, and go on after a condition that failed', async () => {
    await store.createBucket(us, 'refused')
    const named = await upload('refused')
    const parts = [await put('refused', named, 1, Buffer.from('a')), await put('refused', named, 2, Buffer.from('b'))]
    expect(await store.uploads.complete(us, 'refused', named, parts)).toEqual({ ok: false, error: 'too-small' })
    const wrong = [{ partNumber: 1, etag: '0'.repeat(32) }]
    expect(await store.uploads.complete(us, 'refused', named, wrong)).toEqual({ ok: false, error: 'invalid-part' })
    const elsewhere = { ...named, key: 'other' }
    expect(await store.uploads.parts(us, 'refused', elsewhere)).toEqual({ ok: false, error: 'no-upload' })
    await store.put(us, 'refused', 'k', Buffer.from('there'), {})
    const absent = { kind: 'absent' } as const
    const [first] = parts
    if (!first) throw new Error('no part')
    expect(await store.uploads.complete(us, 'refused', named, [first], absent)).toEqual({
      ...{ ok: false, error: 'condition-failed' },
    })
    expect(await store.uploads.complete(us, 'refused', named, [first])).toMatchObject({ ok: true })
  })
})

describe('versions', () => {
  const bucket = 'versioned'
  const text = async (versionId?: string): Promise<string | undefined> => {
    const found = await store.open(us, bucket, 'k', undefined, versionId)
    if (!found || found.info.deleteMarker) return undefined
    const parts: Uint8Array[] = []
    for await (const part of found.body) parts.push(part)
    return Buffer.concat(parts).toString()
  }
  const put = async (body: string): Promise<string> => {
    const made = await store.put(us, bucket, 'k', Buffer.from(body), {})
    return made.ok ? (made.value.versionId ?? '') : made.error
  }

  it('are kept from the moment that the bucket keeps them, and their bytes go with them', async () => {
    await store.createBucket(us, bucket)
    const before = await blobs()
    await put('zero')
    expect(await store.setVersioning(us, bucket, 'Enabled')).toMatchObject({ ok: true })
    const [one, two] = [await put('one'), await put('two')]
    expect([await text('null'), await text(one), await text(two), await text()]).toEqual(['zero', 'one', 'two', 'two'])
    const mark = await store.remove(us, bucket, 'k')
    expect(mark).toMatchObject({ deleteMarker: true })
    expect(await store.info(us, bucket, 'k')).toBeUndefined()
    expect(await store.list(us, bucket)).toEqual([])
    expect(await store.deleteBucket(us, bucket)).toEqual({ ok: false, error: 'not-empty' })
    const listed = await store.listVersions(us, bucket)
    expect(listed.map(({ versionId }) => versionId)).toEqual([mark?.versionId, two, one, 'null'])
    for (const { versionId } of listed) await store.remove(us, bucket, 'k', versionId)
    expect(await blobs()).toBe(before)
    expect(await store.deleteBucket(us, bucket)).toMatchObject({ ok: true })
  })

  it('of many writers at once are all there', async () => {
    await store.createBucket(us, bucket)
    await store.setVersioning(us, bucket, 'Enabled')
    const ids = await Promise.all(Array.from({ length: 8 }, (_, n) => put(`${n}`)))
    expect(new Set(ids).size).toBe(8)
    expect((await store.listVersions(us, bucket)).map(({ versionId }) => versionId).toSorted()).toEqual(ids.toSorted())
    await Promise.all([...ids.map((id) => store.remove(us, bucket, 'k', id)), put('last')])
    expect(await store.listVersions(us, bucket)).toMatchObject([{ isLatest: true }])
    expect(await text()).toBe('last')
  })
})

describe('a limit of an account', () => {
  it('holds for objects, versions and parts of uploads, and what is removed makes room at once', async () => {
    const limited = openObjectStore(link, undefined, (account) => (account === third ? 1_000 : undefined))
    await limited.createBucket(third, 'small')
    const put = async (key: string, bytes: number) => {
      const made = await limited.put(third, 'small', key, Buffer.alloc(bytes), {})
      return made.ok ? 'stored' : made.error
    }
    const before = await blobs()
    expect([await put('a', 600), await put('b', 401), await put('b', 400)]).toEqual([
      'stored',
      'quota-exceeded',
      'stored',
    ])
    expect(await put('c', 1)).toBe('quota-exceeded')
    await limited.remove(third, 'small', 'b')
    const upload = await limited.uploads.begin(third, 'small', 'd', {})
    const named = { key: 'd', uploadId: upload.ok ? upload.value : '' }
    const part = (bytes: number) => limited.uploads.putPart(third, 'small', named, 1, [Buffer.alloc(bytes)])
    expect(await part(401)).toEqual({ ok: false, error: 'quota-exceeded' })
    expect((await part(300)).ok).toBe(true)
    await limited.setVersioning(third, 'small', 'Enabled')
    expect([await put('a', 100), await put('a', 100)]).toEqual(['stored', 'quota-exceeded'])
    expect((await store.put(us, 'things', 'large', Buffer.alloc(2_000), {})).ok).toBe(true)
    await store.remove(us, 'things', 'large')
    // Nothing stays of what was refused.
    expect((await blobs()) - before).toBe(3)
  })
})
