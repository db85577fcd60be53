import { crc32, deflateRawSync } from 'node:zlib'

export interface RawZipEntry {
  readonly name: string | Buffer
  readonly data?: string | Buffer
  /** Unix mode with its type bits. */
  readonly mode?: number
  /** What the headers say, where that is not the truth. */
  readonly declaredBytes?: number
  readonly crc?: number
  readonly flags?: number
  readonly method?: number
  readonly localName?: string
}

/** A zip written by hand, for tests, so that it can say what no honest tool would write. */
export function rawZip(entries: readonly RawZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const name = Buffer.from(entry.name)
    const localName = Buffer.from(entry.localName ?? entry.name)
    const data = Buffer.from(entry.data ?? 'x')
    const method = entry.method ?? 8
    const packed = method === 8 ? deflateRawSync(data) : data
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(entry.flags ?? 0, 2)
    fields.writeUInt16LE(method, 4)
    fields.writeUInt32LE(entry.crc ?? crc32(data), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(entry.declaredBytes ?? data.length, 18)
    const local = Buffer.from(fields)
    local.writeUInt16LE(localName.length, 22)
    fields.writeUInt16LE(name.length, 22)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    // Version 3.0 made by Unix, so that the attributes are a mode.
    central.push(Buffer.from('504b01021e03', 'hex'), fields, tail, name)
    const parts = [Buffer.from('504b0304', 'hex'), local, localName, packed]
    locals.push(...parts)
    offset += parts.reduce((sum, part) => sum + part.length, 0)
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(entries.length, 0xffff), 8)
  end.writeUInt16LE(Math.min(entries.length, 0xffff), 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}
