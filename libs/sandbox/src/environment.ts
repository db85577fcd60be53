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
import type { SandboxExit } from './driver.ts'

export interface Run {
  readonly requestId: string
  readonly timeoutMs: number
}

export type EnvironmentState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'stem' }
  | { readonly kind: 'idle'; readonly initialised: boolean; readonly sinceMs: number }
  | { readonly kind: 'frozen'; readonly sinceMs: number }
  | Initialising
  | Running
  | { readonly kind: 'gone'; readonly reason: string }

interface Initialising {
  readonly kind: 'initialising'
  readonly run: Run
  readonly startedAtMs: number
  /** The second try, whose time is the invocation's. */
  readonly repeated: boolean
  /** The second try waits for its sandbox. */
  readonly replacing: boolean
}

interface Running {
  readonly kind: 'running'
  readonly run: Run
  readonly startedAtMs: number
  readonly deadlineMs: number
  readonly initMs: number
}

export type EnvironmentEvent =
  /** The runtime has booted. */
  | { readonly kind: 'booted' }
  /** The code is in place; also of the sandbox that replaces one. */
  | { readonly kind: 'specialised' }
  | { readonly kind: 'invoke'; readonly run: Run }
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-error'; readonly document: Buffer }
  | { readonly kind: 'response'; readonly requestId: string; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly requestId: string; readonly document: Buffer; readonly fatal: boolean }
  | { readonly kind: 'oversize'; readonly requestId: string }
  | { readonly kind: 'exited'; readonly exit: SandboxExit }
  | { readonly kind: 'violation'; readonly reason: string }
  /** The platform could not do what was decided. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The state's deadline may have passed. */
  | { readonly kind: 'tick' }
  /** The environment is to end: reaped, stopped, out of memory. */
  | { readonly kind: 'stop'; readonly reason: string }

/** What became of a run. */
export interface RunOutcome {
  readonly requestId: string
  readonly status: 'success' | 'error' | 'timeout' | 'platform-failure'
  /** "" on success; a reason for operators on a platform failure. */
  readonly errorType: string
  /** The answer, or AWS's error document. */
  readonly payload: Uint8Array
  readonly durationMs: number
  /** 0: no initialisation was part of it. */
  readonly initMs: number
  /** What the REPORT line says; "" when the function answered by itself. */
  readonly reported: '' | 'timeout' | 'error'
  /** The environment serves no more. */
  readonly lost: boolean
}

export type EnvironmentDecision =
  | { readonly do: 'init' }
  | { readonly do: 'invoke'; readonly run: Run }
  | { readonly do: 'freeze' }
  | { readonly do: 'thaw' }
  /** Ends the sandbox and specialises another for the same environment; `specialised` or `failed` follows. */
  | { readonly do: 'replace' }
  | {
      readonly do: 'report-init'
      readonly initMs: number
      readonly status: 'timeout' | 'error'
      readonly errorType: string
    }
  | { readonly do: 'finish'; readonly outcome: RunOutcome }
  /** The end: the sandbox and all that belongs to it go away. */
  | { readonly do: 'destroy'; readonly reason: string }

export interface Step {
  readonly state: EnvironmentState
  readonly decisions: readonly EnvironmentDecision[]
}

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
  const fail = (fault: FunctionFault, reason: string): Step =>
    end(reason, { run, durationMs, initMs, status: 'error', reported: 'error', ...fault })
  switch (event.kind) {
    case 'response':
      if (event.requestId !== run.requestId) return stay(state)
      return answered(now, {
        ...{ requestId: run.requestId, status: 'success', errorType: '', payload: event.payload },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    case 'error': {
      if (event.requestId !== run.requestId) return stay(state)
      const errorType = errorTypeOf(event.document) || 'Unhandled'
      if (event.fatal)
        return end('the runtime gave up', {
          run,
          ...{ durationMs, initMs, status: 'error', reported: '', errorType, document: event.document },
        })
      return answered(now, {
        ...{ requestId: run.requestId, status: 'error', errorType, payload: event.document },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    }
    case 'oversize':
      if (event.requestId !== run.requestId) return stay(state)
      return answered(now, {
        ...{ requestId: run.requestId, status: 'error', errorType: responseTooLarge.errorType },
        ...{ payload: responseTooLarge.document, durationMs, initMs, reported: 'error', lost: false },
      })
    case 'exited':
      return fail(exited(run.requestId, event.exit), event.exit.oomKilled ? 'out of memory' : 'the runtime exited')
    case 'violation':
      return fail(brokenProtocol(run.requestId, event.reason), event.reason)
    case 'failed':
      return platformFailure(run, event.reason, durationMs, initMs)
    case 'tick':
      if (now < state.deadlineMs) return stay(state)
      return end('timed out', {
        run,
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
  ['ready', 'init-error', 'response', 'error', 'oversize', 'tick'].includes(event.kind)

function denied(state: EnvironmentState, event: EnvironmentEvent): Step {
  if (isAnswer(event)) return stay(state)
  throw new Error(`an environment that is ${state.kind} takes no "${event.kind}"`)
}
