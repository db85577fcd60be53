/**
 * The life of an execution environment, from an empty stem to its end, as a pure machine:
 * `(state, event, now) → (state, decisions)`. Times are monotonic ms.
 *
 *   starting → stem → idle ⇄ frozen
 *                      │ invoke           first invocation: idle → initialising → running
 *                      ▼
 *                   running → idle        gone from everywhere
 *
 * Initialisation is part of the first invocation, so that its failure is that invocation's outcome. It has 10 s of its
 * own; when they run out it is repeated in a fresh sandbox within the function's timeout, as on AWS.
 */
import { limits } from '@weft/contracts'
import { brokenProtocol, errorTypeOf, exited, type FunctionFault, responseTooLarge, timedOut } from './documents.ts'
import type {
  EnvironmentDecision,
  EnvironmentEvent,
  EnvironmentState,
  Initialising,
  Run,
  Running,
  RunOutcome,
  Step,
} from './environment-model.ts'

const empty = new Uint8Array(0)
const stay = (state: EnvironmentState): Step => ({ state, decisions: [] })

/** An event that a state does not list changes nothing; one that only a bug of ours can cause throws. */
export function step(state: EnvironmentState, event: EnvironmentEvent, now: number, freezeAfterMs: number): Step {
  if (event.kind === 'stop' && state.kind !== 'gone') return stopped(state, event.reason, now)
  switch (state.kind) {
    case 'starting':
      if (event.kind === 'booted') return stay({ kind: 'stem' })
      return ending(event) ?? denied(state, event)
    case 'stem':
      if (event.kind === 'specialised') return stay({ kind: 'idle', initialised: false, sinceMs: now })
      return ending(event) ?? denied(state, event)
    case 'idle':
    case 'frozen':
      return whileIdle(state, event, now, freezeAfterMs)
    case 'initialising':
      return whileInitialising(state, event, now)
    case 'running':
      return whileRunning(state, event, now)
    // What is still under way when the end comes is of no interest.
    case 'gone':
      return stay(state)
  }
}

/** When `tick` is due; undefined when the state waits for nothing. */
export function deadlineOf(state: EnvironmentState, freezeAfterMs: number): number | undefined {
  switch (state.kind) {
    case 'idle':
      return state.initialised ? state.sinceMs + freezeAfterMs : undefined
    case 'initialising':
      return state.startedAtMs + (state.repeated ? state.run.timeoutMs : limits.initTimeoutMs)
    case 'running':
      return state.deadlineMs
    default:
      return undefined
  }
}

function whileIdle(
  state: Extract<EnvironmentState, { kind: 'idle' | 'frozen' }>,
  event: EnvironmentEvent,
  now: number,
  freezeAfterMs: number,
): Step {
  if (event.kind === 'invoke') {
    const { run } = event
    if (state.kind === 'idle' && !state.initialised)
      return {
        state: { kind: 'initialising', run, startedAtMs: now, repeated: false, replacing: false },
        decisions: [{ do: 'init' }],
      }
    return {
      state: { kind: 'running', run, startedAtMs: now, deadlineMs: now + run.timeoutMs, initMs: 0 },
      decisions: state.kind === 'frozen' ? [{ do: 'thaw' }, { do: 'invoke', run }] : [{ do: 'invoke', run }],
    }
  }
  if (event.kind === 'tick') {
    const due = deadlineOf(state, freezeAfterMs)
    if (due === undefined || now < due) return stay(state)
    return { state: { kind: 'frozen', sinceMs: state.sinceMs }, decisions: [{ do: 'freeze' }] }
  }
  // Answers to an invocation that is over come too late to matter.
  return ending(event) ?? (isAnswer(event) ? stay(state) : denied(state, event))
}

function whileInitialising(state: Initialising, event: EnvironmentEvent, now: number): Step {
  const { run, startedAtMs, repeated } = state
  const elapsedMs = now - startedAtMs
  // The second try is part of the invocation, whose duration it counts for.
  const initMs = repeated ? 0 : elapsedMs
  const fail = (fault: FunctionFault, reason: string): Step =>
    end(
      reason,
      { run, durationMs: repeated ? elapsedMs : 0, initMs, status: 'error', reported: 'error', ...fault },
      repeated ? [] : [{ do: 'report-init', initMs: elapsedMs, status: 'error', errorType: fault.errorType }],
    )
  switch (event.kind) {
    case 'specialised':
      if (!state.replacing) return denied(state, event)
      return { state: { ...state, replacing: false }, decisions: [{ do: 'init' }] }
    case 'ready': {
      const deadlineMs = repeated ? startedAtMs + run.timeoutMs : now + run.timeoutMs
      return {
        state: { kind: 'running', run, startedAtMs: repeated ? startedAtMs : now, deadlineMs, initMs },
        decisions: [{ do: 'invoke', run }],
      }
    }
    case 'init-error': {
      const errorType = errorTypeOf(event.document) || 'Runtime.Unknown'
      return fail({ errorType, document: event.document }, 'initialisation failed')
    }
    case 'exited':
      // While a replacement is made the old sandbox's end is no news.
      if (state.replacing) return stay(state)
      return fail(exited(run.requestId, event.exit), 'the runtime exited during initialisation')
    case 'violation':
      return fail(brokenProtocol(run.requestId, event.reason), event.reason)
    case 'failed':
      return platformFailure(run, event.reason, repeated ? elapsedMs : 0, initMs)
    case 'tick':
      if (now < (deadlineOf(state, 0) as number)) return stay(state)
      if (!repeated)
        return {
          state: { ...state, startedAtMs: now, repeated: true, replacing: true },
          decisions: [{ do: 'report-init', initMs: elapsedMs, status: 'timeout', errorType: '' }, { do: 'replace' }],
        }
      return end('timed out', {
        run,
        durationMs: run.timeoutMs,
        initMs: 0,
        status: 'timeout',
        reported: 'timeout',
        ...timedOut(run.requestId, run.timeoutMs),
      })
    default:
      return isAnswer(event) ? stay(state) : denied(state, event)
  }
}

function whileRunning(state: Running, event: EnvironmentEvent, now: number): Step {
  const { run, initMs } = state
  const durationMs = now - state.startedAtMs
  const streamed = state.streamedBytes === undefined ? {} : { streamedBytes: state.streamedBytes }
  const fail = (fault: FunctionFault, reason: string): Step =>
    end(reason, { run, durationMs, initMs, status: 'error', reported: 'error', ...streamed, ...fault })
  const broken = (reason: string): Step => fail(brokenProtocol(run.requestId, reason), reason)
  // Answers to an invocation that is over come too late to matter.
  if ('requestId' in event && event.requestId !== run.requestId) return stay(state)
  switch (event.kind) {
    case 'begin':
      if (state.streamedBytes !== undefined) return broken('an answer began for the second time')
      return {
        state: { ...state, streamedBytes: 0 },
        decisions: [{ do: 'begin', contentType: event.contentType }],
      }
    case 'chunk': {
      if (state.streamedBytes === undefined) return broken('a part of an answer that did not begin')
      const streamedBytes = state.streamedBytes + event.payload.byteLength
      // Nobody waits until it has ended: it may never do so.
      if (streamedBytes > run.streamBytes)
        return fail(responseTooLarge(run.streamBytes), 'the function streamed too much')
      return { state: { ...state, streamedBytes }, decisions: [{ do: 'pass', chunk: event.payload }] }
    }
    case 'end':
      if (state.streamedBytes === undefined) return broken('the end of an answer that did not begin')
      return answered(now, {
        ...{ requestId: run.requestId, status: 'success', errorType: '', payload: empty, ...streamed },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    case 'response':
      if (state.streamedBytes !== undefined) return broken('a whole answer after a streamed one')
      return answered(now, {
        ...{ requestId: run.requestId, status: 'success', errorType: '', payload: event.payload },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    case 'error': {
      const errorType = errorTypeOf(event.document) || 'Unhandled'
      if (event.fatal)
        return end('the runtime gave up', {
          ...{ run, ...streamed },
          ...{ durationMs, initMs, status: 'error', reported: '', errorType, document: event.document },
        })
      return answered(now, {
        ...{ requestId: run.requestId, status: 'error', errorType, payload: event.document, ...streamed },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    }
    case 'oversize': {
      const { errorType, document } = responseTooLarge(limits.syncResponseBytes)
      return answered(now, {
        ...{ requestId: run.requestId, status: 'error', errorType, payload: document },
        ...{ durationMs, initMs, reported: 'error', lost: false },
      })
    }
    case 'exited':
      return fail(exited(run.requestId, event.exit), event.exit.oomKilled ? 'out of memory' : 'the runtime exited')
    case 'violation':
      return broken(event.reason)
    case 'failed':
      return platformFailure(run, event.reason, durationMs, initMs)
    case 'tick':
      if (now < state.deadlineMs) return stay(state)
      return end('timed out', {
        ...{ run, ...streamed },
        ...{ durationMs: run.timeoutMs, initMs, status: 'timeout', reported: 'timeout' },
        ...timedOut(run.requestId, run.timeoutMs),
      })
    // A runtime that says READY twice harms nobody.
    case 'ready':
      return stay(state)
    default:
      return denied(state, event)
  }
}

const answered = (now: number, outcome: RunOutcome): Step => ({
  state: { kind: 'idle', initialised: true, sinceMs: now },
  decisions: [{ do: 'finish', outcome }],
})

interface Failure extends FunctionFault {
  readonly run: Run
  readonly durationMs: number
  readonly initMs: number
  readonly status: 'error' | 'timeout'
  readonly reported: RunOutcome['reported']
  readonly streamedBytes?: number
}

function end(reason: string, failure: Failure, before: readonly EnvironmentDecision[] = []): Step {
  const { run, document, ...rest } = failure
  const outcome: RunOutcome = { ...rest, requestId: run.requestId, payload: document, lost: true }
  return {
    state: { kind: 'gone', reason },
    decisions: [...before, { do: 'finish', outcome }, { do: 'destroy', reason }],
  }
}

const platformFailure = (run: Run, reason: string, durationMs: number, initMs: number): Step => ({
  state: { kind: 'gone', reason },
  decisions: [
    {
      do: 'finish',
      outcome: {
        ...{ requestId: run.requestId, status: 'platform-failure', errorType: reason, payload: empty },
        ...{ durationMs, initMs, reported: 'error', lost: true },
      },
    },
    { do: 'destroy', reason },
  ],
})

function stopped(state: EnvironmentState, reason: string, now: number): Step {
  if (state.kind === 'initialising') return platformFailure(state.run, reason, 0, now - state.startedAtMs)
  if (state.kind === 'running') return platformFailure(state.run, reason, now - state.startedAtMs, state.initMs)
  return { state: { kind: 'gone', reason }, decisions: [{ do: 'destroy', reason }] }
}

/** The end of an environment that runs nothing. */
function ending(event: EnvironmentEvent): Step | undefined {
  if (event.kind === 'exited')
    return gone(event.exit.oomKilled ? 'out of memory' : 'the runtime exited while nothing ran')
  if (event.kind === 'violation' || event.kind === 'failed') return gone(event.reason)
  // A fatal error outside an invocation: the end follows.
  return undefined
}

const gone = (reason: string): Step => ({
  state: { kind: 'gone', reason },
  decisions: [{ do: 'destroy', reason }],
})

/** What a runtime may send at any time; the state decides whether it counts. */
const isAnswer = (event: EnvironmentEvent): boolean =>
  ['ready', 'init-error', 'response', 'error', 'oversize', 'begin', 'chunk', 'end', 'tick'].includes(event.kind)

function denied(state: EnvironmentState, event: EnvironmentEvent): Step {
  if (isAnswer(event)) return stay(state)
  throw new Error(`an environment that is ${state.kind} takes no "${event.kind}"`)
}
