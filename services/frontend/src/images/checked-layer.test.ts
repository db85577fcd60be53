import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { checkedLayer } from './checked-layer.ts'

async function* inPieces(bytes: Buffer, size = 1_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}
const all = async (parts: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const found: Uint8Array[] = []
  for await (const part of parts) found.push(part)
  return Buffer.concat(found)
}
const plain = Buffer.alloc(300_000, 'layer ')

test.each([
  ['gzip', gzipSync(plain)],
  ['zstd', zstdCompressSync(plain)],
  ['none', plain],
] as const)('a layer comes through as it is, and is counted: %s', async (compression, blob) => {
  const budget = { bytes: 1_000_000 }
  expect((await all(checkedLayer(inPieces(blob), compression, budget))).equals(blob)).toBe(true)
  expect(budget.bytes).toBe(700_000)
})

test.each([
  ['gzip', gzipSync(plain)],
  ['zstd', zstdCompressSync(plain)],
  ['none', plain],
] as const)('more than it may be unpacked is refused: %s', async (compression, blob) => {
  await expect(all(checkedLayer(inPieces(blob), compression, { bytes: 299_999 }))).rejects.toMatchObject({
    kind: 'too-large',
  })
})

test.each([
  ['gzip', plain],
  ['gzip', gzipSync(plain).subarray(0, 100)],
  ['zstd', gzipSync(plain)],
  ['gzip', Buffer.alloc(0)],
] as const)('what cannot be unpacked is refused: %s', async (compression, blob) => {
  await expect(all(checkedLayer(inPieces(blob), compression, { bytes: 1e9 }))).rejects.toMatchObject({
    kind: 'invalid',
  })
})

test('a source that breaks breaks it', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield gzipSync(plain).subarray(0, 50)
    throw new Error('broken')
  }
  await expect(all(checkedLayer(broken(), 'gzip', { bytes: 1e9 }))).rejects.toThrow('broken')
})
