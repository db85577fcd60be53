import type { Readable } from 'node:stream'
import { handOn } from '@weft/platform/host'

const headerBytes = 8

/**
 * Takes apart the engine's attach stream: frames of an 8-byte header (stream number, three zeros, big-endian length)
 * and that many bytes. Pieces are handed on as they come, not kept until a frame is whole. Call it once per stream;
 * until then the stream waits, and so does a program that has filled its pipe.
 */
export function demultiplex(stream: Readable, onOutput: (chunk: Buffer, from: 'stdout' | 'stderr') => number): void {
  let header = Buffer.alloc(0)
  let left = 0
  let from: 'stdout' | 'stderr' = 'stdout'
  handOn(stream, (data) => {
    let rest = data
    let holdMs = 0
    while (rest.length > 0) {
      if (left === 0) {
        const missing = headerBytes - header.length
        header = Buffer.concat([header, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (header.length < headerBytes) return holdMs
        from = header[0] === 2 ? 'stderr' : 'stdout'
        left = header.readUInt32BE(4)
        header = Buffer.alloc(0)
        continue
      }
      const piece = rest.subarray(0, left)
      left -= piece.length
      rest = rest.subarray(piece.length)
      holdMs = Math.max(holdMs, onOutput(piece, from))
    }
    return holdMs
  })
}
