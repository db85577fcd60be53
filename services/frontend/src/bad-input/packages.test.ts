import { describe, expect, it } from 'vitest'
import { type RawRequest, type RawZipEntry, rawZip } from '../testing/index.ts'
import { useBadInput } from './harness.ts'

const { send, refuses, creation, packaged, count } = useBadInput('packages')

describe('packages', () => {
  const link = 0o120777
  /** Without it names are of code page 437, where control characters are pictures. */
  const utf8 = 0x800
  const names: readonly RawZipEntry[] = [
    { name: '../x' },
    { name: '/x' },
    { name: 'C:\\x' },
    { name: 'C:/x' },
    { name: 'a/../../x' },
    { name: '..\\x' },
    { name: 'a\\b' },
    { name: '..' },
    { name: 'l', data: '/etc', mode: link },
    { name: 'l', data: '../../etc', mode: link },
    { name: 'a/l', data: '../../x', mode: link },
    { name: 'l', data: '', mode: link },
    { name: 'x', declaredBytes: 1_024, data: Buffer.alloc(10_000_000) },
    { name: 'x', declaredBytes: 0xfffffff0 },
    { name: 'x', crc: 1 },
    { name: 'x', flags: 1 },
    { name: 'x', method: 99 },
    { name: 'x', mode: 0o020644 },
    { name: 'x', mode: 0o060644 },
    { name: 'x', mode: 0o010644 },
    { name: 'x', mode: 0o140644 },
    { name: 'x\0y' },
    { name: 'x\r\ny', flags: utf8 },
    { name: '\u0007', flags: utf8 },
    { name: Buffer.from([0x78, 0xff, 0xfe]), flags: utf8 },
    { name: 'a'.repeat(4_096) },
    { name: `${'a/'.repeat(500)}x` },
    { name: '' },
  ]

  it('B57–B64: entries that must not be unpacked', async () => {
    const zips = [
      ...names.map((entry) => rawZip([entry])),
      rawZip([{ name: 'd', data: 'sub', mode: link }, { name: 'd/f' }]),
      rawZip([{ name: 'x' }, { name: 'x' }]),
      rawZip([{ name: 'x' }, { name: 'x/y' }]),
      rawZip([{ name: 'x/y' }, { name: 'x' }]),
      rawZip([]),
      rawZip([{ name: 'x' }]).subarray(0, -10),
      rawZip([{ name: 'x' }]).subarray(10),
      Buffer.from('PK\x05\x06'),
      Buffer.from('not a zip'),
      Buffer.alloc(0),
    ]
    await refuses('B57', zips.flatMap(packaged), /^InvalidParameterValueException$/)
  })

  it('B59, B60: archives that would fill the disk', async () => {
    const zeros = Buffer.alloc(27_000_000)
    const bomb = rawZip(Array.from({ length: 10 }, (_, i) => ({ name: `x${i}`, data: zeros })))
    const [create] = packaged(bomb)
    expect(await send(create as RawRequest)).toMatchObject({
      status: 400,
      code: 'InvalidParameterValueException',
      message: 'Unzipped size must be smaller than 262144000 bytes',
    })
    const crowd = rawZip(Array.from({ length: 60_000 }, (_, i) => ({ name: `${i}`, data: '', method: 0 })))
    await refuses('B60', packaged(crowd))
    const big = await send(creation({ Code: { ZipFile: Buffer.alloc(52_428_801).toString('base64') } }))
    expect(big).toMatchObject({
      status: 413,
      code: 'RequestEntityTooLargeException',
      message: 'Zipped size must be smaller than 52428800 bytes',
    })
    count(2)
  })

  it('takes what only looks odd', async () => {
    const zip = rawZip([
      { name: 'bin/run', mode: 0o104755 },
      { name: 'bin/link', data: 'run', mode: link },
      { name: 'Read' },
      { name: 'read' },
      { name: 'none', mode: 0o100000 },
      { name: 'ünï/💥' },
    ])
    for (const request of packaged(zip).slice(1)) expect((await send(request)).status).toBe(200)
  })
})
