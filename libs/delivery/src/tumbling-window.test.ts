import { expect, it } from 'vitest'
import { readWindowState, windowMembers, windowOf, windowStateBytes } from './tumbling-window.ts'

const read = (answer: unknown) => readWindowState(new TextEncoder().encode(JSON.stringify(answer)))

it('windows lie end to end on the clock', () => {
  const size = 300_000
  const at = Date.UTC(2020, 6, 30, 17, 4, 59, 999)
  expect(windowOf(at, size)).toEqual({ startMs: Date.UTC(2020, 6, 30, 17, 0), endMs: Date.UTC(2020, 6, 30, 17, 5) })
  expect(windowOf(at + 1, size).startMs).toBe(Date.UTC(2020, 6, 30, 17, 5))
})

it('the event is as the developer guide shows it', () => {
  const window = windowOf(Date.UTC(2020, 6, 30, 17, 1), 300_000)
  const run = { window, state: { '1': 1 }, shardId: 'shardId-000000000006', eventSourceARN: 'arn' }
  expect(windowMembers({ ...run, isFinal: false, isTerminatedEarly: false })).toEqual({
    window: { start: '2020-07-30T17:00:00Z', end: '2020-07-30T17:05:00Z' },
    state: { '1': 1 },
    shardId: 'shardId-000000000006',
    eventSourceARN: 'arn',
    isFinalInvokeForWindow: false,
    isWindowTerminatedEarly: false,
  })
})

it('an answer must hold a state that is not too large', () => {
  expect(read({ state: { sum: 3 } })).toEqual({ ok: true, value: { sum: 3 } })
  expect(read({ state: null })).toEqual({ ok: true, value: {} })
  for (const answer of [null, {}, [], 'x', { state: 'x' }, { state: [1] }])
    expect(read(answer)).toEqual({ ok: false, error: 'missing' })
  expect(read({ state: { text: 'x'.repeat(windowStateBytes) } })).toEqual({ ok: false, error: 'too-large' })
})
