import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FakeClock } from '../testing/index.ts'
import { handOn } from './held-output.ts'

test('nothing is read for as long as the listener says, and nothing is lost', async () => {
  const clock = new FakeClock()
  const stream = new PassThrough()
  let heard = ''
  handOn(
    stream,
    (chunk) => {
      heard += chunk
      return heard === 'a' ? 10 : 0
    },
    clock,
  )
  stream.write('a')
  await nextTurn()
  stream.write('b')
  await nextTurn()
  expect(heard).toBe('a')
  clock.advance(9)
  await nextTurn()
  expect(heard).toBe('a')
  clock.advance(1)
  await nextTurn()
  expect(heard).toBe('ab')
})
