import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AnswerStream } from './answer-stream.ts'

const head = { contentType: 'text/plain', executedVersion: '1' }

test('a part is taken when the next one is asked for', async () => {
  const stream = new AnswerStream()
  const taken: string[] = []
  stream.begin(head)
  stream.write(Buffer.from('a'), () => taken.push('a'))
  stream.write(Buffer.from('b'), () => taken.push('b'))
  const reader = stream[Symbol.asyncIterator]()
  expect(await stream.begun).toEqual(head)
  expect(String((await reader.next()).value)).toBe('a')
  expect(taken).toEqual([])
  expect(String((await reader.next()).value)).toBe('b')
  expect(taken).toEqual(['a'])
  stream.end()
  expect((await reader.next()).done).toBe(true)
  expect(taken).toEqual(['a', 'b'])
})

test('a reader that leaves takes everything with it', async () => {
  const stream = new AnswerStream()
  let taken = 0
  for (let i = 0; i < 3; i++) stream.write(Buffer.from('x'), () => taken++)
  for await (const _ of stream) break
  expect(taken).toBe(3)
  stream.write(Buffer.from('x'), () => taken++)
  expect(taken).toBe(4)
})

test('whatever comes and whenever it is read, all of it comes in order and nothing hangs', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 40 }),
      fc.scheduler(),
      async (chunks, scheduler) => {
        const stream = new AnswerStream()
        const writing = (async () => {
          for (const chunk of chunks) {
            await scheduler.schedule(Promise.resolve())
            stream.write(chunk, () => undefined)
          }
          stream.end()
        })()
        const got: number[] = []
        const reading = (async () => {
          for await (const chunk of stream) {
            got.push(...chunk)
            await scheduler.schedule(Promise.resolve())
          }
        })()
        await scheduler.waitFor(Promise.all([writing, reading]))
        expect(got).toEqual(chunks.flatMap((chunk) => [...chunk]))
      },
    ),
  )
})
