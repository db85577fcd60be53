import { expect, test } from 'vitest'
import { deadlineOf, step } from './environment.ts'
import type { EnvironmentEvent, EnvironmentState, Run } from './environment-model.ts'

const run: Run = { requestId: 'r', timeoutMs: 3_000, streamBytes: 1, snapStart: true }
const invoke: EnvironmentEvent = { kind: 'invoke', run }
const fresh: EnvironmentState = { kind: 'idle', initialised: false, repeated: false, sinceMs: 0 }

/** Plays events, one ms apart; the decisions of the last one, and the state. */
const play = (state: EnvironmentState, ...events: readonly EnvironmentEvent[]) => {
  let now = 0
  let last = step(state, { kind: 'tick' }, now, 80)
  for (const event of events) last = step(last.state, event, ++now, 80)
  return { ...last, did: last.decisions.map((decision) => decision.do) }
}

const prepared = play(fresh, { kind: 'prepare', timeoutMs: 130_000, snapStart: true }, { kind: 'ready' })

test('what is initialised ahead waits to be restored, frozen or not', () => {
  expect(prepared).toMatchObject({ did: ['prepared'], state: { kind: 'idle', unrestored: true } })
  expect(play(prepared.state, invoke)).toMatchObject({ did: ['restore'], state: { kind: 'restoring', initMs: 0 } })
  const { state: frozen } = step(prepared.state, { kind: 'tick' }, 1_000, 80)
  expect(frozen).toMatchObject({ kind: 'frozen', unrestored: true })
  expect(play(frozen, invoke)).toMatchObject({ did: ['thaw', 'restore'] })
})

test('it runs once its hooks have run, with the whole of its time', () => {
  const running = play(prepared.state, invoke, { kind: 'restored' })
  expect(running).toMatchObject({
    did: ['report-restore', 'invoke'],
    state: { kind: 'running', startedAtMs: 2, deadlineMs: 3_002, initMs: 0, restoreMs: 1 },
  })
  const answer: EnvironmentEvent = { kind: 'response', requestId: 'r', payload: Buffer.from('1') }
  const answered = step(running.state, answer, 5, 80)
  expect(answered.decisions).toMatchObject([
    { do: 'answer', outcome: { status: 'success', durationMs: 3, restoreMs: 1 } },
  ])
  // The next one finds it like any other.
  const { state } = step(answered.state, { kind: 'settled' }, 6, 80)
  expect(play(state, invoke)).toMatchObject({ did: ['invoke'], state: { kind: 'running' } })
})

test('one that a call has to initialise is restored like the others', () => {
  const restoring = play(fresh, invoke, { kind: 'ready' })
  expect(restoring).toMatchObject({ did: ['restore'], state: { kind: 'restoring', initMs: 1 } })
  expect(play(restoring.state, { kind: 'restored' })).toMatchObject({ state: { kind: 'running', initMs: 1 } })
})

test('after a reset all of it is part of the invocation', () => {
  const again: EnvironmentState = { kind: 'idle', initialised: false, repeated: true, sinceMs: 0 }
  const restoring = play(again, invoke, { kind: 'ready' })
  expect(deadlineOf(restoring.state, 80)).toBe(3_001)
  expect(play(restoring.state, { kind: 'restored' })).toMatchObject({
    state: { kind: 'running', startedAtMs: 1, deadlineMs: 3_001, initMs: 0 },
  })
})

test('a hook that fails ends the environment, and the caller is told that nothing ran', () => {
  const document = Buffer.from('{"errorType":"Oops","errorMessage":"m"}')
  const failed = play(prepared.state, invoke, { kind: 'restore-error', document })
  expect(failed.state).toMatchObject({ kind: 'gone' })
  expect(failed.decisions).toMatchObject([
    { do: 'report-restore', status: 'error', errorType: 'Oops' },
    { do: 'finish', outcome: { restoreFailed: true, lost: true, errorType: 'SnapStartException', payload: document } },
    { do: 'destroy', why: 'failure' },
  ])
})

test('so does a runtime that exits, and hooks that take more than 10 s', () => {
  const { state } = play(prepared.state, invoke)
  const exit = { code: 1, signal: undefined, oomKilled: false }
  expect(step(state, { kind: 'exited', exit }, 5, 80).decisions).toMatchObject([
    { do: 'report-restore', errorType: 'Runtime.ExitError' },
    { outcome: { errorType: 'SnapStartException' } },
    { do: 'destroy' },
  ])
  expect(step(state, { kind: 'tick' }, 10_000, 80).decisions).toEqual([])
  expect(step(state, { kind: 'tick' }, 10_001, 80).decisions).toMatchObject([
    { do: 'report-restore', status: 'timeout' },
    { outcome: { errorType: 'SnapStartTimeoutException', status: 'timeout', restoreFailed: true } },
    { do: 'destroy', why: 'timeout' },
  ])
})

test('a stop in the midst of it is a failure of the platform', () => {
  const { state } = play(prepared.state, invoke)
  expect(step(state, { kind: 'stop', reason: 'over' }, 5, 80).decisions).toMatchObject([
    { outcome: { status: 'platform-failure', errorType: 'over' } },
    { do: 'destroy' },
  ])
})
