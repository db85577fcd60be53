import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { demultiplex } from './demultiplex.ts'

const frame = (number: 1 | 2, text: string): Buffer => {
  const header = Buffer.alloc(8)
  header[0] = number
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

async function outputOf(pieces: readonly Buffer[]): Promise<Record<'stdout' | 'stderr', string>> {
  const stream = new PassThrough()
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  demultiplex(stream, (chunk, from) => {
    parts[from].push(chunk)
    return 0
  })
  for (const piece of pieces) stream.write(piece)
  await turn()
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() }
}

test('frames are told apart', async () => {
  expect(await outputOf([Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ' more')])])).toEqual({
    stdout: 'out more',
    stderr: 'err',
  })
})

test('however the bytes are cut, the same comes out', async () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(1 as const, 2 as const), fc.string({ maxLength: 20 })))
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }), async (list, cuts) => {
      const bytes = Buffer.concat(list.map(([number, text]) => frame(number, text)))
      const pieces: Buffer[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = cuts[i % cuts.length] as number
        pieces.push(bytes.subarray(at, at + length))
        at += length
      }
      const text = (number: 1 | 2) => list.filter(([n]) => n === number).map(([, t]) => t)
      expect(await outputOf(pieces)).toEqual({ stdout: text(1).join(''), stderr: text(2).join('') })
    }),
    { numRuns: 50 },
  )
})
