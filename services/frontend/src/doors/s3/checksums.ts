import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

const crc32cTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
  return c >>> 0
})

/** Castagnoli's CRC, which zlib lacks. */
function crc32c(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const byte of bytes) c = (c >>> 8) ^ (crc32cTable[(c ^ byte) & 0xff] as number)
  return (c ^ 0xffffffff) >>> 0
}

const big = (value: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('base64')
}

const hash = (name: string, bytes: Uint8Array): string => createHash(name).update(bytes).digest('base64')

/** Checksum headers of S3 whose values are checked, in base64. */
const checksums: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  'content-md5': (bytes) => hash('md5', bytes),
  'x-amz-checksum-crc32': (bytes) => big(crc32(bytes)),
  'x-amz-checksum-crc32c': (bytes) => big(crc32c(bytes)),
  'x-amz-checksum-sha1': (bytes) => hash('sha1', bytes),
  'x-amz-checksum-sha256': (bytes) => hash('sha256', bytes),
}

/** The first stated checksum that does not fit the bytes; `stated` gives a header's or trailer's value. */
export function wrongChecksum(
  bytes: Uint8Array,
  stated: (name: string) => string | undefined,
): { readonly name: string; readonly malformed: boolean } | undefined {
  for (const [name, compute] of Object.entries(checksums)) {
    const value = stated(name)
    if (value === undefined) continue
    const actual = compute(bytes)
    if (value !== actual) return { name, malformed: value.length !== actual.length }
  }
  return undefined
}
