import type { FunctionFault } from './documents.ts'
import type { SandboxExit } from './driver.ts'
import type { ShutdownReason } from './extensions-api.ts'

export interface Run {
  readonly requestId: string
  readonly timeoutMs: number
  /** Bytes that the function may stream. */
  readonly streamBytes: number
  /** With SnapStart: after its initialisation the environment is restored before it runs anything. */
  readonly snapStart?: boolean
}

export type EnvironmentState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'stem' }
  | {
      readonly kind: 'idle'
      readonly initialised: boolean
      readonly repeated: boolean
      readonly sinceMs: number
      /** Initialised with SnapStart, and not restored yet. */
      readonly unrestored?: true
    }
  /** Initialised ahead of any invocation. */
  | {
      readonly kind: 'preparing'
      readonly startedAtMs: number
      readonly deadlineMs: number
      readonly snapStart: boolean
    }
  | { readonly kind: 'frozen'; readonly sinceMs: number; readonly unrestored?: true }
  | Initialising
  | Restoring
  | Running
  | Settling
  /** After a timeout or a crash: its sandbox is replaced by a fresh one with the same /tmp. */
  | { readonly kind: 'resetting' }
  | { readonly kind: 'gone'; readonly reason: string }

export interface Initialising {
  readonly kind: 'initialising'
  readonly run: Run
  readonly startedAtMs: number
  /** Not the first try, so that its time is the invocation's. */
  readonly repeated: boolean
  /** It waits for its sandbox. */
  readonly replacing: boolean
}

/** An environment with SnapStart before its first invocation: the runtime runs its hooks. */
export interface Restoring {
  readonly kind: 'restoring'
  readonly run: Run
  readonly startedAtMs: number
  readonly deadlineMs: number
  readonly initMs: number
  /** Since when the function's timeout runs; absent: it begins when the environment is restored. */
  readonly runSinceMs?: number
}

export interface Running {
  readonly kind: 'running'
  readonly run: Run
  readonly startedAtMs: number
  readonly deadlineMs: number
  readonly initMs: number
  /** 0 when absent: nothing was restored for it. */
  readonly restoreMs?: number
  /** What the function has streamed; absent: it has not begun to stream. */
  readonly streamedBytes?: number
}

/** The function has answered; its runtime or its extensions have not asked for the next invocation yet. */
export interface Settling extends Omit<Running, 'kind' | 'streamedBytes'> {
  readonly kind: 'settling'
  readonly answer: RunOutcome
}

export type EnvironmentEvent =
  /** The runtime has booted. */
  | { readonly kind: 'booted' }
  /** The code is in place; also of the sandbox that replaces one. */
  | { readonly kind: 'specialised' }
  /** Initialise now, for invocations to come. */
  | { readonly kind: 'prepare'; readonly timeoutMs: number; readonly snapStart?: boolean }
  | { readonly kind: 'invoke'; readonly run: Run }
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-error'; readonly document: Buffer }
  /** With SnapStart: the hooks have run, or one of them has failed. */
  | { readonly kind: 'restored' }
  | { readonly kind: 'restore-error'; readonly document: Buffer }
  | { readonly kind: 'response'; readonly requestId: string; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly requestId: string; readonly document: Buffer; readonly fatal: boolean }
  | { readonly kind: 'oversize'; readonly requestId: string }
  /** A streamed answer: its beginning, a part, its end. An error may come instead of the end. */
  | { readonly kind: 'begin'; readonly requestId: string; readonly contentType: string }
  | { readonly kind: 'chunk'; readonly requestId: string; readonly payload: Uint8Array }
  | { readonly kind: 'end'; readonly requestId: string }
  /** Runtime and extensions wait for the next invocation. */
  | { readonly kind: 'settled' }
  | { readonly kind: 'exited'; readonly exit: SandboxExit }
  /** An extension has given up or died. */
  | { readonly kind: 'extension-failed'; readonly fault: FunctionFault }
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
  /** The answer, or AWS's error document; empty when the answer was streamed to its end. */
  readonly payload: Uint8Array
  /** What was streamed; absent: the answer was whole. */
  readonly streamedBytes?: number
  readonly durationMs: number
  /** 0: no initialisation was part of it. */
  readonly initMs: number
  /** What the restoring took ahead of it; absent: nothing was restored. */
  readonly restoreMs?: number
  /** It could not be restored, so that the function did not run. */
  readonly restoreFailed?: true
  /** What the REPORT line says; "" when the function answered by itself. */
  readonly reported: '' | 'timeout' | 'error'
  /** The environment serves no more. */
  readonly lost: boolean
}

export type EnvironmentDecision =
  | { readonly do: 'init' }
  /** It is initialised ahead of any invocation. */
  | { readonly do: 'prepared' }
  /** It is thawed and told to run its hooks; `restored` or `restore-error` follows. */
  | { readonly do: 'restore' }
  | {
      readonly do: 'report-restore'
      readonly restoreMs: number
      readonly status: 'success' | 'timeout' | 'error'
      readonly errorType: string
    }
  | { readonly do: 'invoke'; readonly run: Run }
  /** A streamed answer goes on to whoever waits for it. */
  | { readonly do: 'begin'; readonly contentType: string }
  | { readonly do: 'pass'; readonly chunk: Uint8Array }
  | { readonly do: 'freeze' }
  | { readonly do: 'thaw' }
  /** Ends the sandbox and specialises another with its /tmp for the same environment; `specialised` or `failed` follows. */
  | { readonly do: 'reset'; readonly why: ShutdownReason }
  | {
      readonly do: 'report-init'
      readonly phase: 'init' | 'invoke'
      readonly initMs: number
      readonly status: 'timeout' | 'error'
      readonly errorType: string
    }
  /** The caller has its answer; the run goes on until `finish`. */
  | { readonly do: 'answer'; readonly outcome: RunOutcome }
  /** The run is over. Its outcome is the caller's too, unless that has its answer. */
  | { readonly do: 'finish'; readonly outcome: RunOutcome }
  /** The end: the sandbox and all that belongs to it go away. */
  | { readonly do: 'destroy'; readonly reason: string; readonly why: ShutdownReason }

export interface Step {
  readonly state: EnvironmentState
  readonly decisions: readonly EnvironmentDecision[]
}
