import { expect, it } from 'vitest'
import { looksStuck } from './watchdog.ts'

it.each([
  ['never looked before', undefined, { pending: 3, delivered: 5 }, false],
  ['messages came only now', { pending: 0, delivered: 5 }, { pending: 3, delivered: 5 }, false],
  ['others are served', { pending: 3, delivered: 5 }, { pending: 3, delivered: 6 }, false],
  ['the backlog is gone', { pending: 3, delivered: 5 }, { pending: 0, delivered: 5 }, false],
  [
    'a backlog, and no delivery between two empty pulls',
    { pending: 3, delivered: 5 },
    { pending: 4, delivered: 5 },
    true,
  ],
])('%s', (_, earlier, now, stuck) => {
  expect(looksStuck(earlier, now)).toBe(stuck)
})
