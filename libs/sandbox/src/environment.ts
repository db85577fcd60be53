/**
 * The life of an execution environment, from an empty stem to its end, as a pure machine:
 * `(state, event, now) → (state, decisions)`. Times are monotonic ms.
 *
 *   starting → stem → idle ⇄ frozen
 *                      │ invoke                     first invocation: idle → initialising → running
 *                      ▼
 *                   running → settling → idle       after a timeout or a crash: resetting → idle
 *
 * A provisioned environment initialises ahead of calls: idle → preparing → idle. One with SnapStart is restored after its
 * initialisation, whenever that was, and before its first invocation: idle → restoring → running. And gone from everywhere.
 *
 * Initialisation is part of the first invocation. It has 10 s of its own; when they run out, or
 * it fails, it is repeated in a fresh sandbox within the function's timeout, as on AWS. The same happens in the first
 * invocation after a reset; what is in /tmp stays. A run has its answer before it is over: that takes that the runtime
 * and all extensions have asked for the next one.
 */
import { limits } from '@weft/contracts'
import {
  brokenProtocol,
  errorTypeOf,
  exited,
  type FunctionFault,
  initFailed,
  responseTooLarge,
  timedOut,
} from './documents.ts'
import { denied, end, ending, gone, isAnswer, platformFailure, reset, stay } from './endings.ts'
import type {
  EnvironmentDecision,
  EnvironmentEvent,
  EnvironmentState,
  Initialising,
  Running,
  RunOutcome,
  Settling,
  Step,
} from './environment-model.ts'
import type { ShutdownReason } from './extensions-api.ts'
import { restore, whileRestoring } from './restoring.ts'

const empty = new Uint8Array(0)

/** An event that a state does not list changes nothing; one that only a bug of ours can cause throws. */
export function step(state: EnvironmentState, event: EnvironmentEvent, now: number, freezeAfterMs: number): Step {
  if (event.kind === 'stop' && state.kind !== 'gone') return stopped(state, event.reason, now)
  switch (state.kind) {
    case 'starting':
      if (event.kind === 'booted') return stay({ kind: 'stem' })
      return ending(event) ?? denied(state, event)
    case 'stem':
      if (event.kind === 'specialised') return stay({ kind: 'idle', initialised: false, repeated: false, sinceMs: now })
      return ending(event) ?? denied(state, event)
    case 'idle':
    case 'frozen':
      return whileIdle(state, event, now, freezeAfterMs)
    case 'preparing':
      return whilePreparing(state, event, now)
    case 'initialising':
      return whileInitialising(state, event, now)
    case 'restoring':
      return whileRestoring(state, event, now)
    case 'running':
      return whileRunning(state, event, now)
    case 'settling':
      return whileSettling(state, event, now)
    case 'resetting':
      return whileResetting(state, event, now)
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
    case 'preparing':
    case 'restoring':
    case 'running':
    case 'settling':
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
  if (event.kind === 'prepare' && state.kind === 'idle' && !state.initialised)
    return {
      state: {
        ...{ kind: 'preparing', startedAtMs: now, deadlineMs: now + event.timeoutMs },
        snapStart: event.snapStart === true,
      },
      decisions: [{ do: 'init' }],
    }
  if (event.kind === 'invoke') {
    const { run } = event
    if (state.kind === 'idle' && !state.initialised)
      return {
        state: { kind: 'initialising', run, startedAtMs: now, repeated: state.repeated, replacing: false },
        decisions: [{ do: 'init' }],
      }
    if (state.unrestored) {
      const { decisions, ...restoring } = restore(run, 0, now)
      return { ...restoring, decisions: state.kind === 'frozen' ? [{ do: 'thaw' }, ...decisions] : decisions }
    }
    return {
      state: { kind: 'running', run, startedAtMs: now, deadlineMs: now + run.timeoutMs, initMs: 0 },
      decisions: state.kind === 'frozen' ? [{ do: 'thaw' }, { do: 'invoke', run }] : [{ do: 'invoke', run }],
    }
  }
  if (event.kind === 'tick') {
    const due = deadlineOf(state, freezeAfterMs)
    if (due === undefined || now < due) return stay(state)
    const unrestored = state.unrestored ? { unrestored: true as const } : {}
    return { state: { kind: 'frozen', sinceMs: state.sinceMs, ...unrestored }, decisions: [{ do: 'freeze' }] }
  }
  // Answers to an invocation that is over come too late to matter.
  return ending(event) ?? (isAnswer(event) ? stay(state) : denied(state, event))
}

/** Nobody waits for it, so a failure is the end of it; whoever wants it makes another. */
function whilePreparing(
  state: Extract<EnvironmentState, { kind: 'preparing' }>,
  event: EnvironmentEvent,
  now: number,
): Step {
  const initMs = now - state.startedAtMs
  const fail = (reason: string, status: 'timeout' | 'error', errorType: string): Step => {
    const { decisions, ...rest } = gone(reason, status === 'timeout' ? 'timeout' : 'failure')
    return { ...rest, decisions: [{ do: 'report-init', phase: 'init', initMs, status, errorType }, ...decisions] }
  }
  switch (event.kind) {
    case 'ready':
      return {
        state: {
          ...{ kind: 'idle', initialised: true, repeated: false, sinceMs: now },
          ...(state.snapStart && { unrestored: true }),
        },
        decisions: [{ do: 'prepared' }],
      }
    case 'init-error':
      return fail('initialisation failed', 'error', errorTypeOf(event.document) || 'Runtime.Unknown')
    case 'exited':
      return fail('the runtime exited during initialisation', 'error', exited('', event.exit).errorType)
    case 'extension-failed':
      return fail('an extension failed during initialisation', 'error', event.fault.errorType)
    case 'tick':
      return now < state.deadlineMs ? stay(state) : fail('initialisation took too long', 'timeout', '')
    default:
      return ending(event) ?? (isAnswer(event) ? stay(state) : denied(state, event))
  }
}

function whileInitialising(state: Initialising, event: EnvironmentEvent, now: number): Step {
  const { run, startedAtMs, repeated } = state
  const elapsedMs = now - startedAtMs
  // The second try is part of the invocation, whose duration it counts for.
  const initMs = repeated ? 0 : elapsedMs
  const report = (status: 'timeout' | 'error', errorType: string): EnvironmentDecision => ({
    ...{ do: 'report-init', phase: repeated ? 'invoke' : 'init', initMs: elapsedMs, status, errorType },
  })
  const again = (why: ShutdownReason, told: EnvironmentDecision): Step => ({
    state: { ...state, startedAtMs: now, repeated: true, replacing: true },
    decisions: [told, { do: 'reset', why }],
  })
  const fail = (fault: FunctionFault): Step => {
    const told = report('error', fault.errorType)
    if (!repeated) return again('failure', told)
    return end({ run, durationMs: elapsedMs, initMs, status: 'error', reported: 'error', ...fault }, [told])
  }
  switch (event.kind) {
    case 'specialised':
      if (!state.replacing) return denied(state, event)
      return { state: { ...state, replacing: false }, decisions: [{ do: 'init' }] }
    case 'ready': {
      if (run.snapStart) return restore(run, initMs, now, repeated ? startedAtMs : undefined)
      const deadlineMs = repeated ? startedAtMs + run.timeoutMs : now + run.timeoutMs
      return {
        state: { kind: 'running', run, startedAtMs: repeated ? startedAtMs : now, deadlineMs, initMs },
        decisions: [{ do: 'invoke', run }],
      }
    }
    case 'init-error':
      return fail(initFailed(run.requestId, event.document))
    case 'exited':
      // While a replacement is made the old sandbox's end is no news.
      if (state.replacing) return stay(state)
      return fail(exited(run.requestId, event.exit))
    case 'violation':
      return fail(brokenProtocol(run.requestId, event.reason))
    case 'extension-failed':
      return state.replacing ? stay(state) : fail(event.fault)
    case 'failed':
      return platformFailure(run, event.reason, repeated ? elapsedMs : 0, initMs)
    case 'tick':
      if (now < (deadlineOf(state, 0) as number)) return stay(state)
      if (!repeated) return again('timeout', report('timeout', ''))
      return end(
        {
          ...{ run, durationMs: run.timeoutMs, initMs: 0, status: 'timeout', reported: 'timeout' },
          ...timedOut(run.requestId, run.timeoutMs),
        },
        [report('timeout', '')],
      )
    default:
      return isAnswer(event) ? stay(state) : denied(state, event)
  }
}

function whileRunning(state: Running, event: EnvironmentEvent, now: number): Step {
  const { run, initMs } = state
  const durationMs = now - state.startedAtMs
  const restored = restoredIn(state)
  const streamed = { ...(state.streamedBytes !== undefined && { streamedBytes: state.streamedBytes }), ...restored }
  const fail = (fault: FunctionFault): Step =>
    end({ run, durationMs, initMs, status: 'error', reported: 'error', ...streamed, ...fault })
  const broken = (reason: string): Step => fail(brokenProtocol(run.requestId, reason))
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
      if (streamedBytes > run.streamBytes) return fail(responseTooLarge(run.streamBytes))
      return { state: { ...state, streamedBytes }, decisions: [{ do: 'pass', chunk: event.payload }] }
    }
    case 'end':
      if (state.streamedBytes === undefined) return broken('the end of an answer that did not begin')
      return answered(state, {
        ...{ requestId: run.requestId, status: 'success', errorType: '', payload: empty, ...streamed },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    case 'response':
      if (state.streamedBytes !== undefined) return broken('a whole answer after a streamed one')
      return answered(state, {
        ...{ requestId: run.requestId, status: 'success', errorType: '', payload: event.payload, ...restored },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    case 'error': {
      const errorType = errorTypeOf(event.document) || 'Unhandled'
      if (event.fatal)
        return end({
          ...{ run, ...streamed },
          ...{ durationMs, initMs, status: 'error', reported: '', errorType, document: event.document },
        })
      return answered(state, {
        ...{ requestId: run.requestId, status: 'error', errorType, payload: event.document, ...streamed },
        ...{ durationMs, initMs, reported: '', lost: false },
      })
    }
    case 'oversize': {
      const { errorType, document } = responseTooLarge(limits.syncResponseBytes)
      return answered(state, {
        ...{ requestId: run.requestId, status: 'error', errorType, payload: document, ...restored },
        ...{ durationMs, initMs, reported: 'error', lost: false },
      })
    }
    case 'exited':
      return fail(exited(run.requestId, event.exit))
    case 'extension-failed':
      return fail(event.fault)
    case 'violation':
      return broken(event.reason)
    case 'failed':
      return platformFailure(run, event.reason, durationMs, initMs)
    case 'tick':
      if (now < state.deadlineMs) return stay(state)
      return end({
        ...{ run, ...streamed },
        ...{ durationMs: run.timeoutMs, initMs, status: 'timeout', reported: 'timeout' },
        ...timedOut(run.requestId, run.timeoutMs),
      })
    // A runtime that says READY twice harms nobody, nor one that waits before it has answered.
    case 'ready':
    case 'settled':
      return stay(state)
    default:
      return denied(state, event)
  }
}

const answered = ({ run, startedAtMs, deadlineMs, initMs }: Running, answer: RunOutcome): Step => ({
  state: { kind: 'settling', run, startedAtMs, deadlineMs, initMs, answer },
  decisions: [{ do: 'answer', outcome: answer }],
})

const restoredIn = ({ restoreMs }: Running): Pick<RunOutcome, 'restoreMs'> =>
  restoreMs === undefined ? {} : { restoreMs }

/** The rest of a run. What goes wrong now is told in logs and records; the answer is the caller's. */
function whileSettling(state: Settling, event: EnvironmentEvent, now: number): Step {
  const { run, initMs, answer } = state
  const durationMs = now - state.startedAtMs
  const fail = ({ errorType }: FunctionFault): Step =>
    reset({ ...answer, durationMs, status: 'error', reported: 'error', errorType }, 'failure')
  switch (event.kind) {
    case 'settled':
      return {
        state: { kind: 'idle', initialised: true, repeated: false, sinceMs: now },
        decisions: [{ do: 'finish', outcome: { ...answer, durationMs } }],
      }
    case 'exited':
      return fail(exited(run.requestId, event.exit))
    case 'extension-failed':
      return fail(event.fault)
    case 'violation':
      return fail(brokenProtocol(run.requestId, event.reason))
    case 'failed':
      return platformFailure(run, event.reason, durationMs, initMs)
    case 'tick': {
      if (now < state.deadlineMs) return stay(state)
      const { errorType } = timedOut(run.requestId, run.timeoutMs)
      const late = { durationMs: run.timeoutMs, status: 'timeout', reported: 'timeout', errorType } as const
      return reset({ ...answer, ...late }, 'timeout')
    }
    default:
      return denied(state, event)
  }
}

function whileResetting(
  state: Extract<EnvironmentState, { kind: 'resetting' }>,
  event: EnvironmentEvent,
  now: number,
): Step {
  switch (event.kind) {
    case 'specialised':
      return stay({ kind: 'idle', initialised: false, repeated: true, sinceMs: now })
    case 'invoke':
      return stay({ kind: 'initialising', run: event.run, startedAtMs: now, repeated: true, replacing: true })
    case 'failed':
      return gone(event.reason, 'failure')
    // The old sandbox's end is no news.
    case 'exited':
    case 'violation':
    case 'extension-failed':
      return stay(state)
    default:
      return denied(state, event)
  }
}

function stopped(state: EnvironmentState, reason: string, now: number): Step {
  if (state.kind === 'initialising') return platformFailure(state.run, reason, 0, now - state.startedAtMs, 'spindown')
  if (state.kind === 'restoring') return platformFailure(state.run, reason, 0, state.initMs, 'spindown')
  if (state.kind === 'settling') {
    const outcome = { ...state.answer, durationMs: now - state.startedAtMs, lost: true }
    const { decisions, ...rest } = gone(reason, 'spindown')
    return { ...rest, decisions: [{ do: 'finish', outcome }, ...decisions] }
  }
  if (state.kind === 'running')
    return platformFailure(state.run, reason, now - state.startedAtMs, state.initMs, 'spindown')
  return gone(reason, 'spindown')
}
