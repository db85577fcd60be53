import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImageLayer } from '@weft/contracts/sandbox'
import { buildLayer, type LayerFiles } from '@weft/kit'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CodeCache } from '../code-cache.ts'
import { ImageCache } from './image-cache.ts'

let dir: string
const blobs = new Map<string, Buffer>()
let fetched: string[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-images-'))
  blobs.clear()
  fetched = []
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const store = {
  get: async (digest: string): Promise<Uint8Array> => {
    throw new Error(`no package ${digest}`)
  },
  async *getStream(digest: string): AsyncIterable<Uint8Array> {
    fetched.push(digest)
    const blob = blobs.get(digest)
    if (!blob) throw new Error('not in the store')
    for (let at = 0; at < blob.length; at += 100) yield blob.subarray(at, at + 100)
  },
}
async function open(maxBytes = 1_000_000): Promise<{ cache: CodeCache; images: ImageCache }> {
  const cache = await CodeCache.open({ dir, maxBytes, clock: new FakeClock(), log: silentLogger, store })
  return { cache, images: new ImageCache(cache, store) }
}
async function layer(files: LayerFiles): Promise<ImageLayer> {
  const { blob } = await buildLayer(files)
  const digest = createHash('sha256').update(blob).digest('hex')
  blobs.set(digest, blob)
  return { digest, sizeBytes: BigInt(blob.length), compression: 'gzip' }
}
const trees = (): readonly string[] => readdirSync(dir).filter((name) => name.endsWith('.tree'))
/** Removal of evicted folders is nobody's to wait for. */
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

test('layers are unpacked once, and trees share their files, but not what makes them fit to be roots', async () => {
  const { images } = await open()
  const base = await layer({
    'bin/sh': 'shell',
    'etc/passwd': 'of the image',
    tmp: { header: { type: 'symlink', linkname: '/etc' } },
  })
  const [one, two] = await Promise.all([
    images.tree([base, await layer({ app: '1' })]),
    images.tree([base, await layer({ app: '2' })]),
  ])
  expect(fetched.filter((digest) => digest === base.digest)).toHaveLength(1)
  expect([readFileSync(join(one.dir, 'app'), 'utf8'), readFileSync(join(two.dir, 'app'), 'utf8')]).toEqual(['1', '2'])
  expect(statSync(join(one.dir, 'bin/sh')).ino).toBe(statSync(join(two.dir, 'bin/sh')).ino)
  expect(readFileSync(join(one.dir, 'etc/passwd'), 'utf8')).toContain('sbx_user1051:x:993:990::/tmp')
  expect(readFileSync(join(dir, base.digest, 'etc/passwd'), 'utf8')).toBe('of the image')
  expect([lstatSync(join(one.dir, 'tmp')).isDirectory(), lstatSync(join(one.dir, 'tmp')).mode & 0o7777]).toEqual([
    true,
    0o1777,
  ])
  expect(
    ['dev', 'proc', 'sys', 'run/weft', 'etc/resolv.conf'].filter((path) => !existsSync(join(one.dir, path))),
  ).toEqual([])
})

test('a tree keeps its layers, and they go with it', async () => {
  const { cache, images } = await open(100)
  const base = await layer({ big: 'x'.repeat(90) })
  const use = await images.tree([base, await layer({ app: 'x'.repeat(20) })])
  const pushing = await layer({ other: 'y'.repeat(30) })
  ;(await images.tree([pushing])).release()
  expect(existsSync(join(use.dir, 'big'))).toBe(true)
  expect(cache.has(base.digest)).toBe(true)
  use.release()
  await until(() => trees().length === 0 && !cache.has(base.digest))
})

test('a restart keeps layers and makes trees anew', async () => {
  const layers = [await layer({ a: 'a' }), await layer({ b: 'b' })]
  const before = await open()
  await before.images.tree(layers)
  await before.cache.close()
  expect(trees()).toHaveLength(1)
  const after = await open()
  expect(trees()).toEqual([])
  expect(readdirSync((await after.images.tree(layers)).dir)).toEqual(expect.arrayContaining(['a', 'b']))
  expect(fetched).toHaveLength(2)
})

test('a layer that is missing or damaged leaves nothing, and is tried again', async () => {
  const { images } = await open()
  const base = await layer({ a: 'a' })
  const damaged = await layer({ b: 'b'.repeat(5_000) })
  const whole = blobs.get(damaged.digest) as Buffer
  blobs.set(damaged.digest, whole.subarray(0, 60))
  await expect(images.tree([base, damaged])).rejects.toThrow(/of an image cannot be unpacked/)
  blobs.delete(damaged.digest)
  await expect(images.tree([base, damaged])).rejects.toThrow('not in the store')
  expect(readdirSync(dir)).toEqual([base.digest])
  blobs.set(damaged.digest, whole)
  expect(readdirSync((await images.tree([base, damaged])).dir)).toContain('b')
})
