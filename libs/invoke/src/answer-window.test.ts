import type { AnswerSink } from '@weft/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnswerWindow, answerWindowBytes } from './answer-window.ts'

/** A sink that keeps what it got until it is told to take it. */
const heldSink = () => {
  const held: { readonly bytes: number; readonly taken: () => void }[] = []
  const begun: string[] = []
  const sink: AnswerSink = {
    begin: ({ contentType }) => void begun.push(contentType),
    write: (chunk, taken) => void held.push({ bytes: chunk.byteLength, taken }),
  }
  return { sink, held, begun }
}

const head = { contentType: 'text/plain', executedVersion: '1' }

describe('the window of a streamed answer', () => {
  it('gives credit in halves of a window, for what was taken and not for what came', () => {
    const { sink, held, begun } = heldSink()
    const credits: number[] = []
    const window = new AnswerWindow(sink, (bytes) => credits.push(bytes))
    window.begin(head)
    for (let i = 0; i < 4; i++) window.chunk(Buffer.alloc(64 * 1024))
    expect(begun).toEqual(['text/plain'])
    expect(credits).toEqual([])
    held[0]?.taken()
    held[0]?.taken()
    expect(credits).toEqual([])
    held[1]?.taken()
    expect(credits).toEqual([128 * 1024])
  })

  it('drops what comes after the caller has gone, and says so once', () => {
    const { sink, held } = heldSink()
    const told: [number, boolean][] = []
    const window = new AnswerWindow(sink, (bytes, discard) => told.push([bytes, discard]))
    window.chunk(Buffer.alloc(answerWindowBytes))
    window.discard()
    window.discard()
    window.chunk(Buffer.alloc(10))
    held[0]?.taken()
    expect(told).toEqual([[0, true]])
    expect(held).toHaveLength(1)
  })

  it('never lets more than a window and one chunk be under way, and never stalls a caller that reads', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 64 * 1024 }), { minLength: 1, maxLength: 200 }),
        fc.infiniteStream(fc.boolean()),
        (chunks, readFirst) => {
          const { sink, held } = heldSink()
          let credit = answerWindowBytes
          const window = new AnswerWindow(sink, (bytes) => {
            credit += bytes
          })
          let waiting = 0
          let received = 0
          for (const bytes of chunks) {
            // The worker sends while its credit is above zero; the caller takes when it likes, or when nothing else can go on.
            while (credit <= 0 || (held.length > 0 && readFirst.next().value)) {
              const next = held.shift()
              expect(next).toBeDefined()
              waiting -= next?.bytes ?? 0
              next?.taken()
            }
            credit -= bytes
            waiting += bytes
            received += bytes
            window.chunk(Buffer.alloc(bytes))
            expect(waiting).toBeLessThanOrEqual(answerWindowBytes + 64 * 1024)
          }
          expect(received).toBe(chunks.reduce((sum, bytes) => sum + bytes, 0))
        },
      ),
    )
  })
})
