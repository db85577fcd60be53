import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deadlineOf, step } from './environment.ts'
import type { EnvironmentDecision, EnvironmentEvent, EnvironmentState, RunOutcome } from './environment-model.ts'

const freezeAfterMs = 80
const id = '00000000-0000-4000-8000-000000000001'
const run = { requestId: id, timeoutMs: 3_000, streamBytes: 10 }
const invoke: EnvironmentEvent = { kind: 'invoke', run }
const ready: EnvironmentEvent = { kind: 'ready' }
const response = (requestId = id): EnvironmentEvent => ({ kind: 'response', requestId, payload: Buffer.from('1') })
const exit = (code: number | undefined, signal?: string, oomKilled = false): EnvironmentEvent => ({
  kind: 'exited',
  exit: { code, signal, oomKilled },
})

type Story = readonly (readonly [number, EnvironmentEvent])[]

/** Plays events at their times from a fresh environment on, where nobody takes longer than its answer. */
const play = (...events: Story) => follow(events, true)
/** The same, where whoever has something to do after the answer says when it has done it. */
const playSlowly = (...events: Story) => follow(events, false)

/** The last state and all decisions. */
function follow(events: Story, settled: boolean) {
  let state: EnvironmentState = { kind: 'starting' }
  const decisions: EnvironmentDecision[] = []
  for (const [now, event] of [[0, { kind: 'booted' }] as const, [0, { kind: 'specialised' }] as const, ...events]) {
    const next = step(state, event, now, freezeAfterMs)
    state = next.state
    decisions.push(...next.decisions)
    if (settled && state.kind === 'settling') {
      const last = step(state, { kind: 'settled' }, now, freezeAfterMs)
      state = last.state
      decisions.push(...last.decisions)
    }
  }
  const outcomes = decisions.flatMap((decision) => (decision.do === 'finish' ? [decision.outcome] : []))
  return { state, decisions, did: decisions.map((decision) => decision.do), outcome: outcomes.at(-1) as RunOutcome }
}
const documentOf = (outcome: RunOutcome): unknown => JSON.parse(Buffer.from(outcome.payload).toString())

describe('the first invocation', () => {
  test('initialises first, and its time is told apart', () => {
    const { state, did, outcome } = play([100, invoke], [180, ready], [200, response()])
    expect(did).toEqual(['init', 'invoke', 'answer', 'finish'])
    expect(outcome).toMatchObject({ status: 'success', durationMs: 20, initMs: 80, lost: false })
    expect(state).toEqual({ kind: 'idle', initialised: true, repeated: false, sinceMs: 200 })
  })

  test('has the whole timeout after initialisation', () => {
    const { state } = play([0, invoke], [9_000, ready])
    expect(deadlineOf(state, freezeAfterMs)).toBe(12_000)
  })

  test('initialises once more when that fails, and fails with what the second try says', () => {
    const document = Buffer.from('{"errorType":"Runtime.ImportModuleError","errorMessage":"x"}')
    const failed: EnvironmentEvent = { kind: 'init-error', document }
    const first = play([0, invoke], [50, failed])
    const told = { do: 'report-init', phase: 'init', initMs: 50, status: 'error' }
    expect(first.decisions.slice(1)).toEqual([
      { ...told, errorType: 'Runtime.ImportModuleError' },
      { do: 'reset', why: 'failure' },
    ])
    expect(deadlineOf(first.state, freezeAfterMs)).toBe(3_050)
    const both = play([0, invoke], [50, failed], [70, { kind: 'specialised' }], [100, failed])
    expect(both.did).toEqual(['init', 'report-init', 'reset', 'init', 'report-init', 'finish', 'reset'])
    expect(both.decisions[4]).toMatchObject({ phase: 'invoke', initMs: 50 })
    expect(both.outcome).toMatchObject({
      ...{ status: 'error', errorType: 'Runtime.ImportModuleError', durationMs: 50, initMs: 0, lost: false },
    })
    const fault = { errorType: 'Extension.Crash', document: Buffer.from('{}') }
    expect(play([0, invoke], [50, { kind: 'extension-failed', fault }]).did.at(-1)).toBe('reset')
  })

  test('initialises again after 10 s, within the function timeout', () => {
    const late = play([0, invoke], [9_999, { kind: 'tick' }], [10_000, { kind: 'tick' }])
    expect(late.did).toEqual(['init', 'report-init', 'reset'])
    expect(deadlineOf(late.state, freezeAfterMs)).toBe(13_000)
    const again = play(
      ...([
        [0, invoke],
        [10_000, { kind: 'tick' }],
        [10_050, { kind: 'specialised' }],
        [10_500, ready],
      ] as const),
      [10_600, response()],
    )
    expect(again.did).toEqual(['init', 'report-init', 'reset', 'init', 'invoke', 'answer', 'finish'])
    expect(again.outcome).toMatchObject({ status: 'success', durationMs: 600, initMs: 0 })
    const never = play(
      [0, invoke],
      [10_000, { kind: 'tick' }],
      [10_050, { kind: 'specialised' }],
      [13_000, { kind: 'tick' }],
    )
    expect(never.outcome).toMatchObject({
      status: 'timeout',
      errorType: 'Sandbox.Timedout',
      durationMs: 3_000,
      lost: false,
    })
  })

  test('is a platform failure when the sandbox to try again in cannot be had', () => {
    const { outcome } = play([0, invoke], [10_000, { kind: 'tick' }], [10_050, { kind: 'failed', reason: 'no memory' }])
    expect(outcome).toMatchObject({ status: 'platform-failure', errorType: 'no memory', lost: true })
  })
})

describe('an invocation', () => {
  const warm = [
    [0, invoke],
    [10, ready],
    [20, response()],
  ] as const

  test('ends at its timeout in the words of AWS', () => {
    const { did, outcome, state } = play(...warm, [1_000, invoke], [3_999, { kind: 'tick' }], [4_000, { kind: 'tick' }])
    expect(did.slice(-2)).toEqual(['finish', 'reset'])
    expect(outcome).toMatchObject({ status: 'timeout', reported: 'timeout', durationMs: 3_000, lost: false })
    expect(documentOf(outcome)).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${id} Error: Task timed out after 3.00 seconds`,
    })
    expect(state.kind).toBe('resetting')
  })

  test.each([
    [exit(0), 'Runtime.ExitError', 'without providing a reason'],
    [exit(127), 'Runtime.ExitError', 'with error: exit status 127'],
    [exit(undefined, 'SIGSEGV'), 'Runtime.ExitError', 'with error: signal: segmentation fault'],
    [exit(undefined, 'SIGKILL', true), 'Runtime.OutOfMemory', 'with error: signal: killed'],
  ])('ends with its runtime: %o', (event, errorType, words) => {
    const { outcome } = play(...warm, [100, invoke], [150, event])
    expect(outcome).toMatchObject({ status: 'error', reported: 'error', errorType, durationMs: 50, lost: false })
    expect(documentOf(outcome)).toEqual({ errorType, errorMessage: `RequestId: ${id} Error: Runtime exited ${words}` })
  })

  test('that is answered with an error leaves the environment as it is, unless the runtime gives up', () => {
    const error = (fatal: boolean): EnvironmentEvent => ({
      ...{ kind: 'error', requestId: id, fatal, document: Buffer.from('{"errorType":"TypeError"}') },
    })
    expect(play(...warm, [100, invoke], [110, error(false)]).outcome).toMatchObject({
      ...{ status: 'error', errorType: 'TypeError', reported: '', lost: false },
    })
    expect(play(...warm, [100, invoke], [110, error(true)])).toMatchObject({
      outcome: { errorType: 'TypeError', lost: false },
      state: { kind: 'resetting' },
    })
  })

  test('takes no answer to another', () => {
    const { state, outcome } = play(
      ...warm,
      [100, invoke],
      [110, response('someone else')],
      [120, { kind: 'oversize', requestId: id }],
    )
    expect(outcome).toMatchObject({ status: 'error', errorType: 'Function.ResponseSizeTooLarge', lost: false })
    expect(state.kind).toBe('idle')
  })

  test('thaws what was frozen', () => {
    const frozen = play(...warm, [99, { kind: 'tick' }], [100, { kind: 'tick' }])
    expect(frozen.state.kind).toBe('frozen')
    expect(play(...warm, [100, { kind: 'tick' }], [500, invoke]).did.slice(-3)).toEqual(['freeze', 'thaw', 'invoke'])
  })

  test('ends when the environment is stopped, as a failure of the platform', () => {
    expect(play(...warm, [100, invoke], [130, { kind: 'stop', reason: 'drain' }])).toMatchObject({
      outcome: { status: 'platform-failure', errorType: 'drain', durationMs: 30, lost: true },
      state: { kind: 'gone' },
    })
  })
})

describe('after the answer', () => {
  const answered = [
    [0, invoke],
    [10, ready],
    [30, response()],
  ] as const
  const settled: EnvironmentEvent = { kind: 'settled' }

  test('the run goes on until everybody has asked for the next one, and its duration with it', () => {
    const { did, outcome, state } = playSlowly(...answered, [110, settled])
    expect(did.slice(-2)).toEqual(['answer', 'finish'])
    expect(outcome).toMatchObject({ status: 'success', durationMs: 100, initMs: 10 })
    expect(state).toMatchObject({ kind: 'idle', sinceMs: 110 })
  })

  test('whoever takes too long or dies is told in the record, and the environment is reset', () => {
    const late = playSlowly(...answered, [3_010, { kind: 'tick' }])
    expect(late.outcome).toMatchObject({ status: 'timeout', reported: 'timeout', durationMs: 3_000 })
    expect(late.decisions.at(-1)).toEqual({ do: 'reset', why: 'timeout' })
    const dead = playSlowly(...answered, [40, exit(1)])
    expect(dead.outcome).toMatchObject({ status: 'error', errorType: 'Runtime.ExitError', durationMs: 30 })
    expect(dead.decisions.at(-1)).toEqual({ do: 'reset', why: 'failure' })
    const fault = { errorType: 'Extension.Crash', document: Buffer.from('{}') }
    expect(playSlowly(...answered, [40, { kind: 'extension-failed', fault }]).outcome).toMatchObject({
      ...{ status: 'error', errorType: 'Extension.Crash' },
    })
  })

  test('a stop ends it with the answer that it has', () => {
    const { did, outcome } = playSlowly(...answered, [40, { kind: 'stop', reason: 'drain' }])
    expect(did.slice(-2)).toEqual(['finish', 'destroy'])
    expect(outcome).toMatchObject({ status: 'success', lost: true })
  })
})

describe('after a reset', () => {
  const reset = [
    [0, invoke],
    [10, ready],
    [20, exit(1)],
  ] as const

  test('the next invocation initialises within its own time', () => {
    const { did, outcome } = play(
      ...reset,
      [60, { kind: 'specialised' }],
      [100, invoke],
      [150, ready],
      [160, response()],
    )
    expect(did.slice(-5)).toEqual(['reset', 'init', 'invoke', 'answer', 'finish'])
    expect(outcome).toMatchObject({ status: 'success', durationMs: 60, initMs: 0 })
  })

  test('an invocation that comes before the new sandbox waits for it, on its own time', () => {
    const early = play(...reset, [30, invoke], [60, { kind: 'specialised' }], [70, ready], [80, response()])
    expect(early.outcome).toMatchObject({ status: 'success', durationMs: 50, initMs: 0 })
    expect(play(...reset, [30, invoke], [3_030, { kind: 'tick' }]).outcome).toMatchObject({ status: 'timeout' })
  })

  test('without a new sandbox the environment is gone', () => {
    expect(play(...reset, [60, { kind: 'failed', reason: 'no memory' }]).state).toEqual({
      ...{ kind: 'gone', reason: 'no memory' },
    })
  })
})

describe('a streamed answer', () => {
  const warm = [
    [0, invoke],
    [10, ready],
    [20, response()],
    [100, invoke],
  ] as const
  const begin: EnvironmentEvent = { kind: 'begin', requestId: id, contentType: 'text/plain' }
  const chunk = (bytes: number): EnvironmentEvent => ({ kind: 'chunk', requestId: id, payload: Buffer.alloc(bytes) })
  const end: EnvironmentEvent = { kind: 'end', requestId: id }

  test('goes on part by part, and its end is the end of the run', () => {
    const { did, outcome, state } = play(...warm, [110, begin], [120, chunk(4)], [130, chunk(6)], [150, end])
    expect(did.slice(-5)).toEqual(['begin', 'pass', 'pass', 'answer', 'finish'])
    expect(outcome).toMatchObject({ status: 'success', streamedBytes: 10, durationMs: 50, lost: false })
    expect(outcome.payload).toHaveLength(0)
    expect(state.kind).toBe('idle')
  })

  test('that fails in mid stream is told with what was streamed', () => {
    const document = Buffer.from('{"errorType":"TypeError"}')
    const error: EnvironmentEvent = { kind: 'error', requestId: id, document, fatal: false }
    expect(play(...warm, [110, begin], [120, chunk(4)], [130, error]).outcome).toMatchObject({
      ...{ status: 'error', errorType: 'TypeError', streamedBytes: 4, lost: false },
    })
    expect(play(...warm, [110, begin], [120, chunk(4)], [3_100, { kind: 'tick' }]).outcome).toMatchObject({
      ...{ status: 'timeout', streamedBytes: 4, lost: false },
    })
    expect(play(...warm, [110, begin], [120, chunk(4)], [130, exit(1)]).outcome).toMatchObject({
      ...{ status: 'error', errorType: 'Runtime.ExitError', streamedBytes: 4 },
    })
  })

  test('above its limit ends the environment at once', () => {
    const { outcome, did } = play(...warm, [110, begin], [120, chunk(10)], [130, chunk(1)])
    expect(outcome).toMatchObject({ status: 'error', errorType: 'Function.ResponseSizeTooLarge', lost: false })
    expect(did.slice(-3)).toEqual(['pass', 'finish', 'reset'])
  })

  test.each([
    ['a part', [chunk(1)]],
    ['an end', [end]],
    ['a second beginning', [begin, begin]],
    ['a whole answer', [begin, response()]],
  ])('out of turn is no answer: %s', (_what, events) => {
    const { outcome } = play(...warm, ...events.map((event) => [110, event] as const))
    expect(outcome).toMatchObject({ status: 'error', errorType: 'Runtime.Unknown', lost: false })
  })

  test('of an invocation that is over is no answer to the next', () => {
    const late = { ...chunk(1), requestId: 'another' } as EnvironmentEvent
    expect(play(...warm, [110, late], [120, response()]).outcome).toMatchObject({ status: 'success' })
  })
})

test('what no state expects is a bug and throws', () => {
  expect(() => step({ kind: 'stem' }, invoke, 0, freezeAfterMs)).toThrow('stem')
  expect(() => play([0, invoke], [1, invoke])).toThrow('initialising')
})

test('any story: one end per invocation, nothing after the end, freezing only in idleness', () => {
  const any: fc.Arbitrary<EnvironmentEvent | 'invoke'> = fc.oneof(
    fc.constant('invoke' as const),
    fc.constantFrom<EnvironmentEvent[]>(
      ...[ready, response(), response('other'), { kind: 'tick' as const }, { kind: 'specialised' as const }],
      { kind: 'settled' },
      { kind: 'oversize', requestId: id },
      { kind: 'begin', requestId: id, contentType: 'x' },
      { kind: 'chunk', requestId: id, payload: Buffer.alloc(3) },
      { kind: 'end', requestId: id },
      { kind: 'init-error', document: Buffer.from('{}') },
      { kind: 'error', requestId: id, document: Buffer.from('x'), fatal: false },
    ),
    fc.constantFrom<EnvironmentEvent[]>(exit(1), { kind: 'violation', reason: 'v' }, { kind: 'stop', reason: 's' }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5_000), any), { maxLength: 60 }), (story) => {
      let state: EnvironmentState = { kind: 'idle', initialised: false, repeated: false, sinceMs: 0 }
      let now = 0
      let open = 0
      let destroyed = 0
      for (const [waitMs, what] of story) {
        now += waitMs
        const free = ['idle', 'frozen', 'resetting'].includes(state.kind)
        const waiting = state.kind === 'resetting' || (state.kind === 'initialising' && state.replacing)
        if (what === 'invoke' && !free) continue
        if (what !== 'invoke' && what.kind === 'specialised' && !waiting) continue
        if (what === 'invoke') open += 1
        const before = state
        const next = step(state, what === 'invoke' ? invoke : what, now, freezeAfterMs)
        state = next.state
        if (before.kind === 'gone') expect(next.decisions).toEqual([])
        for (const decision of next.decisions) {
          if (decision.do === 'finish') open -= 1
          if (decision.do === 'destroy') destroyed += 1
          if (decision.do === 'freeze') expect(before.kind).toBe('idle')
        }
        expect(open).toBe(['running', 'initialising', 'settling'].includes(state.kind) ? 1 : 0)
        expect(destroyed).toBe(state.kind === 'gone' ? 1 : 0)
      }
    }),
  )
})

describe('an environment that is initialised ahead of calls', () => {
  const prepare: EnvironmentEvent = { kind: 'prepare', timeoutMs: 130_000 }

  test('is ready for its first invocation, which has no initialisation in it', () => {
    const { did, outcome } = play([0, prepare], [20_000, ready], [50_000, invoke], [50_010, response()])
    expect(did).toEqual(['init', 'prepared', 'invoke', 'answer', 'finish'])
    expect(outcome).toMatchObject({ status: 'success', durationMs: 10, initMs: 0 })
  })

  test('has its own time for it', () => {
    expect(deadlineOf(play([5, prepare]).state, freezeAfterMs)).toBe(130_005)
    const { state, did } = play([0, prepare], [130_000, { kind: 'tick' }])
    expect(did).toEqual(['init', 'report-init', 'destroy'])
    expect(state).toMatchObject({ kind: 'gone', reason: 'initialisation took too long' })
  })

  test.each<[string, EnvironmentEvent]>([
    ['initialisation failed', { kind: 'init-error', document: Buffer.from('{}') }],
    ['the runtime exited during initialisation', exit(1)],
    ['away', { kind: 'stop', reason: 'away' }],
  ])('ends when %s', (reason, event) => {
    const { state, did } = play([0, prepare], [10, event])
    expect(state).toEqual({ kind: 'gone', reason })
    expect(did.at(-1)).toBe('destroy')
  })
})
