import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import tar from 'tar-stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { insidePath } from './inside-path.ts'
import { mergeLayer } from './merge-layer.ts'
import { type LayerCompression, readLayer } from './read-layer.ts'
import { unpackLayer } from './unpack-layer.ts'

type Entry = Partial<tar.Header> & { readonly name: string; readonly content?: string | Buffer }

let dir: string
let outside: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'weft-layer-'))
  outside = mkdtempSync(join(tmpdir(), 'weft-outside-'))
  writeFileSync(join(outside, 'precious'), 'untouched')
})
afterEach(() => {
  // Nothing that a layer says changes what lies beside its folder.
  expect(readdirSync(outside)).toEqual(['precious'])
  expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('untouched')
  for (const path of [dir, outside]) rmSync(path, { recursive: true })
})

async function tarOf(...entries: readonly Entry[]): Promise<Buffer> {
  const pack = tar.pack()
  const content = buffer(pack)
  for (const { content: bytes = '', ...header } of entries) pack.entry(header, bytes)
  pack.finalize()
  return content
}

async function* inChunks(bytes: Buffer, size = 700): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function unpacked(name: string, ...entries: readonly Entry[]): Promise<string> {
  const folder = join(dir, name)
  mkdirSync(folder)
  const result = await unpackLayer(inChunks(await tarOf(...entries)), 'none', folder)
  if (!result.ok) throw new Error(result.error)
  return folder
}

const refused = (...entries: readonly Entry[]): Promise<string> =>
  unpacked('refused', ...entries).then(
    () => 'taken',
    (error: Error) => error.message,
  )

const text = (...path: readonly string[]): string => readFileSync(join(...path), 'utf8')

describe('a layer', () => {
  test.each<LayerCompression>(['none', 'gzip', 'zstd'])('is unpacked as it is stored: %s', async (compression) => {
    const archive = await tarOf(
      { name: './', type: 'directory', mode: 0o755 },
      { name: 'usr/bin/tool', mode: 0o4755, mtime: new Date(1_000_000_000_000), content: 'run me' },
      { name: 'usr/bin/other', type: 'link', linkname: 'usr/bin/tool' },
      { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
      { name: 'var/empty/', type: 'directory', mode: 0o2700 },
      { name: 'long/'.repeat(50).concat('ö'), content: 'deep' },
    )
    const blob = { none: archive, gzip: gzipSync(archive), zstd: zstdCompressSync(archive) }[compression]
    const result = await unpackLayer(inChunks(blob), compression, dir)
    expect(result).toEqual({
      ok: true,
      value: {
        diffId: createHash('sha256').update(archive).digest('hex'),
        ...{ tarBytes: archive.length, unpackedBytes: 10, entries: 6 },
      },
    })
    const tool = statSync(join(dir, 'usr/bin/tool'))
    expect([tool.mode & 0o7777, tool.mtimeMs, tool.nlink]).toEqual([0o755, 1_000_000_000_000, 2])
    expect(text(dir, 'bin/other')).toBe('run me')
    expect(readlinkSync(join(dir, 'bin'))).toBe('usr/bin')
    expect(statSync(join(dir, 'var/empty')).mode & 0o7777).toBe(0o700)
    expect(text(dir, 'long/'.repeat(50), 'ö')).toBe('deep')
  })

  test('keeps the last of what has one name, and writes through no link out of its folder', async () => {
    const folder = await unpacked(
      'l',
      { name: 'a', content: 'file' },
      { name: 'a/b', content: 'below' },
      { name: 'out', type: 'symlink', linkname: outside },
      { name: 'out/precious', content: 'changed' },
      { name: 'up', type: 'symlink', linkname: '../../../../../../../../..' },
      { name: 'up/etc/x', content: 'inside after all' },
      { name: 'lib', type: 'symlink', linkname: '/usr/lib' },
      { name: 'lib/c', content: 'through a link' },
      { name: 'to', type: 'symlink', linkname: join(outside, 'precious') },
      { name: 'to', content: 'in its place' },
    )
    expect(text(folder, 'a/b')).toBe('below')
    expect(text(folder, outside, 'precious')).toBe('changed')
    expect(text(folder, 'etc/x')).toBe('inside after all')
    expect(text(folder, 'usr/lib/c')).toBe('through a link')
    expect(text(folder, 'to')).toBe('in its place')
  })

  test('has neither devices nor pipes nor marks of aufs', async () => {
    const folder = await unpacked(
      'l',
      { name: 'dev/sda', type: 'block-device', devmajor: 8, devminor: 0 },
      { name: 'dev/mem', type: 'character-device', devmajor: 1, devminor: 1 },
      { name: 'pipe', type: 'fifo' },
      { name: '.wh..wh.plnk/1.2', content: '' },
      { name: '.wh..wh.aufs', content: '' },
      { name: 'kept', content: '' },
    )
    expect(readdirSync(folder)).toEqual(['kept'])
  })

  test.each<[string, string, Entry[]]>([
    ['a path out of it', 'an entry name leads out of the layer', [{ name: '../x' }]],
    ['a path out of it, further in', 'an entry name leads out of the layer', [{ name: 'a/../../x' }]],
    ['a hard link out of it', 'an entry name leads out', [{ name: 'x', type: 'link', linkname: '../../etc/passwd' }]],
    ['a hard link to nothing', 'a hard link leads to no file', [{ name: 'x', type: 'link', linkname: 'etc/passwd' }]],
    [
      'a hard link to a folder',
      'a hard link leads to no file',
      [
        { name: 'd/', type: 'directory' },
        { name: 'x', type: 'link', linkname: 'd' },
      ],
    ],
    ['a whiteout of what lies above', 'a whiteout has no proper name', [{ name: 'a/.wh...' }]],
    ['a whiteout of nothing', 'a whiteout has no proper name', [{ name: '.wh.' }]],
    [
      'links in a circle',
      'links lead to one another',
      [{ name: 'a', type: 'symlink', linkname: 'b' }, { name: 'b', type: 'symlink', linkname: 'a' }, { name: 'a/x' }],
    ],
    ['a file without a name', 'an entry has no name', [{ name: '././', type: 'file' }]],
    ['a name that no file system has', 'an entry name is too long', [{ name: 'x'.repeat(300) }]],
    ['a depth that nobody needs', 'an entry lies too deep', [{ name: 'd/'.repeat(300).concat('x') }]],
  ])('with %s is refused', async (_, why, entries) => {
    expect(await refused(...entries)).toContain(why)
  })

  test('through a hard link to a link out of it nothing is written', async () => {
    const folder = await unpacked(
      'l',
      { name: 'out', type: 'symlink', linkname: join(outside, 'precious') },
      { name: 'same', type: 'link', linkname: 'out' },
      { name: 'same', content: 'changed' },
    )
    expect(text(folder, 'same')).toBe('changed')
  })

  test('that is damaged, too large or of endless headers is refused', async () => {
    const archive = await tarOf({ name: 'a', content: Buffer.alloc(100_000, 'a') }, { name: 'b', content: 'b' })
    const read = async (blob: Buffer, compression: LayerCompression, limits?: Parameters<typeof readLayer>[3]) => {
      const sink = { file: () => ({ write: () => undefined, end: () => undefined }), other: () => undefined }
      const result = await readLayer(inChunks(blob, 65_536), compression, sink, limits)
      return result.ok ? 'read' : result.error
    }
    expect(await read(archive, 'none')).toBe('read')
    expect(await read(archive.subarray(0, 50_000), 'none')).toMatch(/end of data/)
    expect(await read(gzipSync(archive).subarray(0, 100), 'gzip')).toMatch(/unexpected end of file/)
    expect(await read(archive, 'gzip')).toMatch(/incorrect header/)
    expect(await read(archive, 'zstd')).not.toBe('read')
    expect(await read(Buffer.alloc(2_048, 'x'), 'none')).toMatch(/[Ii]nvalid tar header/)
    const enough = { unpackedBytes: 100_001, entries: 2 }
    expect(await read(archive, 'none', enough)).toBe('read')
    expect(await read(archive, 'none', { ...enough, unpackedBytes: 100_000 })).toBe('it holds more than 100000 bytes')
    expect(await read(archive, 'none', { ...enough, entries: 1 })).toBe('it has more than 1 entries')
    const zeros = gzipSync(Buffer.concat([archive, Buffer.alloc(20_000_000)]))
    expect(await read(zeros, 'gzip', enough)).toBe('it is larger than 200002 bytes')
    const pax = await tarOf({ name: 'x', pax: { comment: 'y'.repeat(20_000_000) }, content: 'z' })
    expect(await read(gzipSync(pax), 'gzip')).toMatch(/exceeds max size/)
  })

  test('that cannot be fetched is no damaged one', async () => {
    const failing = async function* () {
      yield new Uint8Array(10)
      throw new Error('the store is away')
    }
    await expect(unpackLayer(failing(), 'gzip', dir)).rejects.toThrow('the store is away')
  })
})

describe('layers over one another', () => {
  async function merged(...layers: readonly (readonly Entry[])[]): Promise<string> {
    const tree = join(dir, 'tree')
    mkdirSync(tree)
    for (const [index, entries] of layers.entries()) await mergeLayer(await unpacked(`layer${index}`, ...entries), tree)
    return tree
  }

  test('shadow and take away what lies below', async () => {
    const tree = await merged(
      [
        ...['a', 'b', 'folder/x', 'folder/y', 'deep/er/z', 'kept'].map((name) => ({ name, content: `base ${name}` })),
        { name: 'was-folder/q', content: 'q' },
      ],
      [
        ...['.wh.b', 'folder/.wh.x', 'deep/.wh..wh..opq', '.wh.not-there'].map((name) => ({ name })),
        { name: 'a', content: 'upper a' },
        { name: 'deep/new', content: 'new' },
        { name: 'was-folder', content: 'a file now' },
        { name: 'locked/', type: 'directory', mode: 0o500 },
      ],
      [{ name: 'b', content: 'again' }],
    )
    expect(readdirSync(tree).sort()).toEqual(['a', 'b', 'deep', 'folder', 'kept', 'locked', 'was-folder'])
    expect([text(tree, 'a'), text(tree, 'b'), text(tree, 'was-folder')]).toEqual(['upper a', 'again', 'a file now'])
    expect([readdirSync(join(tree, 'folder')), readdirSync(join(tree, 'deep'))]).toEqual([['y'], ['new']])
    expect(statSync(join(tree, 'locked')).mode & 0o777).toBe(0o500)
    // The files are the layer's own.
    expect(statSync(join(tree, 'kept')).ino).toBe(statSync(join(dir, 'layer0/kept')).ino)
    expect(text(dir, 'layer0/b')).toBe('base b')
  })

  test('a folder takes the place of a link, which is not followed', async () => {
    const tree = await merged(
      [{ name: 'etc', type: 'symlink', linkname: outside }],
      [{ name: 'etc/precious', content: 'changed' }, { name: 'etc/.wh.precious' }],
    )
    expect(lstatSync(join(tree, 'etc')).isDirectory()).toBe(true)
  })
})

test('paths inside are found as they are inside', async () => {
  const tree = await unpacked(
    'l',
    { name: 'usr/lib/x', content: 'x' },
    { name: 'lib', type: 'symlink', linkname: '/usr/lib' },
    { name: 'out', type: 'symlink', linkname: '../../../..' },
    { name: 'host', type: 'symlink', linkname: outside },
    { name: 'loop', type: 'symlink', linkname: 'loop' },
  )
  expect(insidePath(tree, '/lib/x')).toBe(join(tree, 'usr/lib/x'))
  expect(insidePath(tree, '/out/usr/lib')).toBe(join(tree, 'usr/lib'))
  expect(insidePath(tree, '/host/precious')).toBeUndefined()
  expect(insidePath(tree, '/loop/a')).toBeUndefined()
  expect(insidePath(tree, '/usr/lib/x/y')).toBeUndefined()
  symlinkSync('..', join(tree, 'above'))
  expect(insidePath(tree, '/above')).toBe(tree)
})
