import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateRawSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { ZipFile } from 'yazl'
import { readZip } from './read-zip.ts'
import { unpackZip } from './unpack-zip.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

interface RawEntry {
  readonly name: string | Buffer
  readonly data?: Buffer
  readonly mode?: number
  readonly declared?: number
  readonly crc?: number
  readonly flags?: number
  readonly method?: number
  readonly localName?: string
}

/** A zip written by hand, so that it can say what no honest tool would write. */
function rawZip(entries: readonly RawEntry[], { prefix = '', entryCount = entries.length } = {}): Buffer {
  const locals: Buffer[] = [Buffer.from(prefix)]
  const central: Buffer[] = []
  let offset = prefix.length
  for (const {
    name,
    data = Buffer.from('x'),
    mode = 0o100644,
    declared,
    crc,
    flags = 0,
    method = 8,
    localName,
  } of entries) {
    const packed = method === 8 ? deflateRawSync(data) : data
    const fileName = Buffer.from(name)
    const nameInLocal = localName === undefined ? fileName : Buffer.from(localName)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(flags, 2)
    fields.writeUInt16LE(method, 4)
    fields.writeUInt32LE(crc ?? crc32(data), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(declared ?? data.length, 18)
    fields.writeUInt16LE(nameInLocal.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, nameInLocal, packed])
    fields.writeUInt16LE(fileName.length, 22)
    const head = Buffer.alloc(6)
    head.write('PK\x01\x02', 'latin1')
    head.writeUInt16LE((3 << 8) | 20, 4)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE((mode << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    central.push(Buffer.concat([head, fields, tail, fileName]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(entryCount & 0xffff, 8)
  end.writeUInt16LE(entryCount & 0xffff, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}

async function honestZip(): Promise<Buffer> {
  const zip = new ZipFile()
  zip.addBuffer(Buffer.from('exports.handler = 1'), 'index.js', { mode: 0o100600 })
  zip.addBuffer(Buffer.from('#!/bin/sh\n'), 'bin/bootstrap', { mode: 0o104755 })
  zip.addEmptyDirectory('empty')
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const emptyFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'weft-unpack-'))
  folders.push(folder)
  return folder
}

test('unpacks files, programs and folders with modes of its own', async () => {
  const folder = emptyFolder()
  expect(await unpackZip(await honestZip(), folder)).toEqual({ ok: true, value: { entries: 3, unzippedBytes: 29 } })
  expect(readFileSync(join(folder, 'index.js'), 'utf8')).toBe('exports.handler = 1')
  expect(lstatSync(join(folder, 'index.js')).mode & 0o7777).toBe(0o644)
  expect(lstatSync(join(folder, 'bin/bootstrap')).mode & 0o7777).toBe(0o755)
  expect(lstatSync(join(folder, 'empty')).isDirectory()).toBe(true)
})

test('keeps links that stay inside', async () => {
  const folder = emptyFolder()
  const zip = rawZip([
    { name: 'node_modules/.bin/tool', data: Buffer.from('../tool/cli.js'), mode: 0o120777 },
    { name: 'node_modules/tool/cli.js' },
  ])
  expect((await unpackZip(zip, folder)).ok).toBe(true)
  expect(readlinkSync(join(folder, 'node_modules/.bin/tool'))).toBe('../tool/cli.js')
})

const large = Buffer.alloc(64 * 1024 * 1024)
const megabyte = Buffer.alloc(1024 * 1024)
const refusals: readonly (readonly [string, () => Buffer])[] = [
  ['a name that climbs out', () => rawZip([{ name: '../x' }])],
  ['a name that climbs out in the middle', () => rawZip([{ name: 'a/../../x' }])],
  ['an absolute name', () => rawZip([{ name: '/etc/passwd' }])],
  ['a drive letter', () => rawZip([{ name: 'C:x' }])],
  ['a backslash', () => rawZip([{ name: 'a\\..\\x' }])],
  ['a link to an absolute place', () => rawZip([{ name: 'l', data: Buffer.from('/etc'), mode: 0o120777 }])],
  ['a link that climbs out', () => rawZip([{ name: 'a/l', data: Buffer.from('../../etc'), mode: 0o120777 }])],
  ['a file below a link', () => rawZip([{ name: 'l', data: Buffer.from('d'), mode: 0o120777 }, { name: 'l/x' }])],
  ['a link where a folder is', () => rawZip([{ name: 'l/x' }, { name: 'l', data: Buffer.from('d'), mode: 0o120777 }])],
  ['two entries of one name', () => rawZip([{ name: 'x' }, { name: 'x' }])],
  ['a file and a folder of one name', () => rawZip([{ name: 'x' }, { name: 'x/', data: Buffer.alloc(0), method: 0 }])],
  ['a device', () => rawZip([{ name: 'x', mode: 0o020644 }])],
  ['a pipe', () => rawZip([{ name: 'x', mode: 0o010644 }])],
  ['a socket', () => rawZip([{ name: 'x', mode: 0o140644 }])],
  ['a NUL in a name', () => rawZip([{ name: 'a\0b' }])],
  ['a line break in a name', () => rawZip([{ name: 'a\r\nb', flags: 0x800 }])],
  ['a name that is no UTF-8', () => rawZip([{ name: Buffer.from([0x61, 0xff, 0xfe]), flags: 0x800 }])],
  ['a name of 2,000 characters', () => rawZip([{ name: 'x'.repeat(2_000) }])],
  ['a path 500 deep', () => rawZip([{ name: 'a/'.repeat(500) }])],
  ['an encrypted entry', () => rawZip([{ name: 'x', flags: 1 }])],
  ['an unknown method', () => rawZip([{ name: 'x', method: 99 }])],
  ['a wrong checksum', () => rawZip([{ name: 'x', crc: 1 }])],
  ['a size that is too small', () => rawZip([{ name: 'x', data: megabyte, declared: 10 }])],
  ['a size that is too large', () => rawZip([{ name: 'x', declared: 1_000 }])],
  ['no entries', () => rawZip([])],
  ['zero bytes', () => Buffer.alloc(0)],
  ['no zip', () => Buffer.from('this is not a zip file at all, not even nearly one')],
  ['a cut end', () => rawZip([{ name: 'x', data: megabyte }]).subarray(0, 600)],
  ['a wrong number of entries', () => rawZip([{ name: 'x' }], { entryCount: 7 })],
]

test.each(refusals)('refuses %s', async (_, zip) => {
  const answer = await unpackZip(zip(), emptyFolder())
  expect(answer).toEqual({
    ok: false,
    error: {
      code: 'InvalidParameterValueException',
      message: 'Could not unzip uploaded file. Please check your file, then try to upload again.',
    },
  })
})

test('stops an archive that expands without end at the limit', async () => {
  const bomb = Array.from({ length: 4 }, (_, i) => ({ name: `f${i}`, data: large }))
  expect(await readZip(rawZip(bomb))).toMatchObject({
    ok: false,
    error: { message: 'Unzipped size must be smaller than 262144000 bytes' },
  })
})
