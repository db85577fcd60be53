import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealPackage, silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CodeCache } from './code-cache.ts'
import { zipOf } from './testing/zip.ts'

let dir: string
const packages = new Map<string, Buffer>()
let fetches = 0
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-code-'))
  packages.clear()
  fetches = 0
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const clock = new FakeClock()
const open = (maxBytes = 1_000_000): Promise<CodeCache> =>
  CodeCache.open({
    ...{ dir, maxBytes, clock, log: silentLogger },
    store: {
      get: async (digest) => {
        fetches += 1
        const zip = packages.get(digest)
        if (!zip) throw new Error('not in the store')
        return zip
      },
    },
  })
const add = (files: Record<string, string>): string => {
  const zip = zipOf(files)
  const digest = createHash('sha256').update(zip).digest('hex')
  packages.set(digest, zip)
  return digest
}
/** Removal of evicted folders is nobody's to wait for. */
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

test('a package is fetched and unpacked once for all who want it', async () => {
  const cache = await open()
  const digest = add({ 'index.js': 'x', 'bin/tool': '#!/bin/sh' })
  expect(cache.has(digest)).toBe(false)
  const [one, two] = await Promise.all([cache.use(digest), cache.use(digest)])
  expect(cache.has(digest)).toBe(true)
  expect([fetches, one.dir]).toEqual([1, two.dir])
  expect(readFileSync(join(one.dir, 'index.js'), 'utf8')).toBe('x')
  expect(statSync(join(one.dir, 'bin/tool')).mode & 0o777).toBe(0o755)
  expect(statSync(join(one.dir, 'index.js')).mode & 0o777).toBe(0o644)
})

test('one that is missing or damaged leaves nothing, and is tried again', async () => {
  const cache = await open()
  const digest = add({ 'index.js': 'x' })
  const zip = packages.get(digest) as Buffer
  packages.delete(digest)
  await expect(cache.use(digest)).rejects.toThrow('not in the store')
  packages.set(digest, Buffer.from('no zip'))
  await expect(cache.use(digest)).rejects.toThrow('cannot be unpacked')
  expect(readdirSync(dir)).toEqual([])
  packages.set(digest, zip)
  expect(existsSync((await cache.use(digest)).dir)).toBe(true)
  await expect(cache.use('../../etc')).rejects.toThrow('not a digest')
})

test('the least recently used goes when there is too much, but never one in use', async () => {
  const cache = await open(250)
  const digests = ['a', 'b', 'c'].map((name) => add({ [name]: name.repeat(100) }))
  const [a, b, c] = digests as [string, string, string]
  const first = await cache.use(a)
  clock.advance(10)
  ;(await cache.use(b)).release()
  clock.advance(10)
  const third = await cache.use(c)
  await until(() => !existsSync(join(dir, b)))
  expect([cache.has(a), cache.has(b), cache.has(c)]).toEqual([true, false, true])
  first.release()
  first.release()
  const again = await cache.use(b)
  expect(readFileSync(join(again.dir, 'b'), 'utf8')).toHaveLength(100)
  await until(() => !existsSync(join(dir, a)))
  third.release()
})

test('what a clean stop left is used again; after any other end all is fetched anew', async () => {
  const digest = add({ 'index.js': 'x' })
  const before = await open()
  await before.use(digest)
  await before.close()
  writeFileSync(join(dir, 'stray.part'), '')
  const after = await open()
  expect(after.has(digest)).toBe(true)
  expect(existsSync(join(dir, 'stray.part'))).toBe(false)
  expect((await open()).has(digest)).toBe(false)
})

test('a package that lies sealed is opened with its key, and with no other', async () => {
  const cache = await open()
  const { bytes, digest, key } = sealPackage(zipOf({ 'index.js': 'x' }))
  packages.set(digest, bytes)
  await expect(cache.use(digest)).rejects.toThrow('cannot be unpacked')
  await expect(cache.use(digest, sealPackage(bytes).key)).rejects.toThrow()
  const used = await cache.use(digest, key)
  expect(readFileSync(join(used.dir, 'index.js'), 'utf8')).toBe('x')
})
