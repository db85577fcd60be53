import { type FactSink, limits } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { RunInvocation } from '@weft/contracts/worker'
import type { Clock, Logger } from '@weft/platform'
import {
  deadlineOf,
  type EnvironmentDecision,
  type EnvironmentEvent,
  type EnvironmentState,
  functionVariables,
  type InitializationType,
  type PaceLimits,
  type RunOutcome,
  type Scratch,
  type SessionCredentials,
  type ShutdownReason,
  step,
} from '@weft/sandbox'
import { CollectedAnswer, StreamedAnswer } from './answer-path.ts'
import type { Body } from './boot.ts'
import { Chronicle } from './chronicle.ts'
import { serveCredentials } from './credentials-endpoint.ts'
import { type CurrentRun, eventOf, headerOf, type NextRun, type RunReply, refuse, replyTo } from './current-run.ts'
import { Ensemble } from './ensemble.ts'
import { Journal } from './journal.ts'
import { Recorder } from './recorder.ts'
import { logStreamName } from './run-facts.ts'

export interface EnvironmentParts {
  readonly sandboxId: string
  readonly workerId: string
  readonly spec: SandboxSpec
  /** Of the runtime as this worker has it; undefined: it tells none. */
  readonly runtimeVersion: string | undefined
  readonly credentials: SessionCredentials | undefined
  /** The same anew, for as long as it lives. */
  readonly freshCredentials: () => Promise<SessionCredentials | undefined>
  /** It is initialised ahead of calls. */
  readonly provisioned: boolean
  readonly freezeAfterMs: number
  /** How fast functions may stream. */
  readonly pace: PaceLimits
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  /** Programs in /opt/extensions, by name. */
  readonly extensions: readonly string[]
  /** Another sandbox with the same code and the /tmp of the one before. */
  readonly replacement: (scratch: Scratch) => Promise<Body>
  /** Nothing runs any more; called after every run. */
  readonly onIdle: () => void
  /** It serves no more; called once, as soon as that is decided. */
  readonly onGone: (reason: string) => void
}

/** One execution environment: carries out what the pure life cycle decides. */
export class Environment {
  readonly #parts: EnvironmentParts
  readonly #logStream: string
  #ensemble: Ensemble
  #state: EnvironmentState = { kind: 'starting' }
  #run: CurrentRun | undefined
  readonly #journal: Journal
  readonly #chronicle: Chronicle
  #next: NextRun | undefined
  #timer: { readonly atMs: number; cancel(): void } | undefined
  #cpuLimited = false
  readonly #recorder: Recorder
  #idleSinceMs: number
  #initFault: string | undefined
  #resetting: Promise<void> | undefined
  #replacementComing = false
  readonly #prepared = Promise.withResolvers<void>()
  readonly #destroyed = Promise.withResolvers<void>()

  /** `body` holds the code already. */
  constructor(parts: EnvironmentParts, body: Body) {
    this.#parts = parts
    this.#logStream = logStreamName(parts.clock.now(), parts.spec.version, parts.sandboxId)
    this.#idleSinceMs = parts.clock.monotonic()
    this.#journal = new Journal(parts.clock, (line) => this.#chronicle.line('function', line))
    this.#ensemble = this.#assemble(body)
    const { telemetry } = this.#ensemble
    const { initializationType } = this
    this.#chronicle = new Chronicle(
      { ...parts, logStream: this.#logStream, journal: this.#journal, initializationType },
      telemetry,
    )
    this.#recorder = new Recorder({
      ...{ ...parts, logStream: this.#logStream, journal: this.#journal, chronicle: this.#chronicle },
      // The runtime lives on, but a process of the function's is missing: nobody knows in what state that leaves it.
      onKilled: () => {
        if (!this.busy) this.#apply({ kind: 'stop', reason: 'out of memory' })
      },
    })
    this.#ensemble.attach()
    this.#apply({ kind: 'booted' })
    this.#apply({ kind: 'specialised' })
  }

  get initializationType(): InitializationType {
    const { spec, provisioned } = this.#parts
    return spec.snapStart ? 'snap-start' : provisioned ? 'provisioned-concurrency' : 'on-demand'
  }

  /** Error type of the initialisation that failed; undefined: none did. */
  get initFault(): string | undefined {
    return this.#initFault
  }

  get busy(): boolean {
    return this.#run !== undefined
  }

  /** It takes an invocation now, though the one before may still be coming to its end. */
  get free(): boolean {
    return this.#run === undefined || (this.#run.answered && this.#next === undefined)
  }

  get gone(): boolean {
    return this.#state.kind === 'gone'
  }

  /** Monotonic ms. */
  get idleSinceMs(): number {
    return this.#idleSinceMs
  }

  /** Resolves when every trace of it is gone. */
  get destroyed(): Promise<void> {
    return this.#destroyed.promise
  }

  /**
   * Runs an invocation; the caller has seen that it is free. `reply` gets one result, and ahead of it the parts of a
   * streamed answer if the caller takes those; credit for them goes to the stream that is returned then.
   */
  run(invocation: RunInvocation, reply: RunReply): StreamedAnswer | undefined {
    const { clock, pace } = this.#parts
    const pause = () => this.#ensemble.body.link.pause()
    const stream =
      invocation.answerWindowBytes > 0 ? new StreamedAnswer({ invocation, pace, clock, pause, send: reply }) : undefined
    const answer = stream ?? new CollectedAnswer()
    const next = { invocation, reply, answer }
    if (this.#run) this.#next = next
    else this.#begin(next)
    return stream
  }

  #begin(next: NextRun): void {
    const { clock, spec } = this.#parts
    this.#run = { ...next, startedAtMs: clock.now(), log: this.#journal.begin(), told: false, answered: false }
    const { requestId } = next.invocation
    const { timeoutMs, snapStart } = spec
    this.#apply({ kind: 'invoke', run: { requestId, timeoutMs, streamBytes: next.answer.mostBytes, snapStart } })
  }

  /** Initialises it ahead of calls; resolves to whether that worked. When it did not, it is gone. */
  prepare(timeoutMs: number): Promise<boolean> {
    this.#apply({ kind: 'prepare', timeoutMs, snapStart: this.#parts.spec.snapStart })
    return Promise.race([this.#prepared.promise.then(() => true), this.destroyed.then(() => false)])
  }

  /** Ends it, whatever it does. */
  stop(reason: string): Promise<void> {
    this.#apply({ kind: 'stop', reason })
    return this.destroyed
  }

  #assemble(body: Body): Ensemble {
    const { spec, extensions: programs, clock, log } = this.#parts
    return new Ensemble({
      ...{ body, spec, programs, clock, log, journal: this.#journal },
      chronicle: () => this.#chronicle,
      onEvent: (event) => this.#apply(event),
    })
  }

  #apply(event: EnvironmentEvent): void {
    const { clock, freezeAfterMs, log, sandboxId } = this.#parts
    const before = this.#state
    try {
      const { state, decisions } = step(before, event, clock.monotonic(), freezeAfterMs)
      this.#state = state
      this.#carryOut(decisions)
    } catch (error) {
      // A bug of ours: this environment goes, the others stay.
      log.fatal({ err: error, sandboxId, state: before.kind, event: event.kind }, 'an environment lost its way')
      if (event.kind !== 'stop') this.#apply({ kind: 'stop', reason: 'internal error' })
    }
    if (this.#state !== before) this.#arm()
  }

  #carryOut(decisions: readonly EnvironmentDecision[]): void {
    for (const [index, decision] of decisions.entries()) {
      if (decision.do === 'thaw') {
        // The invocation goes in once the processes run again.
        this.#ensemble.body.sandbox.thaw().then(
          () => this.#carryOut(decisions.slice(index + 1)),
          (error: unknown) => this.#apply({ kind: 'failed', reason: `a sandbox could not be thawed: ${error}` }),
        )
        return
      }
      this.#do(decision)
    }
  }

  #do(decision: EnvironmentDecision): void {
    const { log, sandboxId } = this.#parts
    switch (decision.do) {
      case 'init':
        this.#init()
        break
      case 'prepared':
        this.#ensemble.initialised()
        this.#prepared.resolve()
        break
      case 'invoke':
        this.#invoke()
        break
      case 'restore':
        this.#ensemble.restore()
        break
      case 'report-restore':
        this.#chronicle.restored(decision.restoreMs, decision.status, decision.errorType)
        break
      case 'thaw':
        // Done by the caller, because what follows waits for it.
        break
      case 'begin':
        this.#run?.answer.begin(decision.contentType)
        break
      case 'pass':
        this.#run?.answer.pass(decision.chunk)
        break
      case 'freeze':
        this.#ensemble.body.sandbox
          .freeze()
          .catch((error: unknown) => log.warn({ err: error, sandboxId }, 'a sandbox could not be frozen'))
        break
      case 'reset':
        // One that is on its way has run nothing yet, so that it will do.
        if (!this.#replacementComing) this.#resetting = this.#reset(decision.why)
        break
      case 'report-init':
        this.#initFault = decision.status === 'timeout' ? 'Sandbox.Timedout' : decision.errorType
        this.#chronicle.initFailed(decision.phase, decision.initMs, decision.status, decision.errorType)
        break
      case 'answer':
        this.#answer(decision.outcome)
        this.#ensemble.rest()
        break
      case 'finish':
        this.#finish(decision.outcome)
        break
      case 'destroy':
        this.#destroy(decision.reason, decision.why)
        break
    }
  }

  #init(): void {
    const repeated = this.#state.kind === 'initialising' && this.#state.repeated
    this.#ensemble.initialise(repeated ? 'invoke' : 'init', this.#variables())
  }

  #variables(): Record<string, string> {
    const { spec, credentials, freshCredentials, clock, log } = this.#parts
    const { initializationType } = this
    const { body } = this.#ensemble
    const endpoint =
      spec.snapStart && credentials ? serveCredentials({ body, credentials: freshCredentials, clock, log }) : undefined
    return functionVariables({ ...spec, logStream: this.#logStream, initializationType }, body, endpoint ?? credentials)
  }

  #invoke(): void {
    const run = this.#run as CurrentRun
    const { spec, clock } = this.#parts
    this.#ensemble.initialised()
    this.#tellStart(run)
    const left = (deadlineOf(this.#state, 0) ?? 0) - clock.monotonic()
    const header = headerOf(run.invocation, Math.floor(clock.now() + left), spec.tenantId)
    this.#ensemble.invoke(header, eventOf(run.invocation))
    this.#limitCpu()
  }

  /** Initialisation has the CPU to itself, as on AWS; from the first invocation on, which need not wait for it, the share counts. */
  #limitCpu(): void {
    if (this.#cpuLimited) return
    this.#cpuLimited = true
    const { memoryMb } = this.#parts.spec
    this.#ensemble.body.sandbox
      .limit({ memoryMb, cpu: memoryMb / limits.memoryMbPerCpu })
      .catch((error: unknown) => this.#apply({ kind: 'failed', reason: `limits could not be set: ${error}` }))
  }

  #tellStart(run: CurrentRun): void {
    if (run.told) return
    run.told = true
    this.#chronicle.start(run.log, run.invocation.requestId)
  }

  /** A fresh sandbox with the same /tmp takes the place of this one. */
  async #reset(why: ShutdownReason): Promise<void> {
    const { replacement, log, sandboxId } = this.#parts
    let scratch: Scratch | undefined
    this.#replacementComing = true
    try {
      await this.#ensemble.shutdown(why)
      await this.#recorder.figuresTaken()
      scratch = await this.#ensemble.body.retire()
      if (!this.gone) {
        const body = await replacement(scratch)
        scratch = undefined
        this.#replacementComing = false
        if (this.gone) await body.destroy()
        else this.#moveTo(body)
      }
    } catch (error) {
      this.#apply({ kind: 'failed', reason: `no sandbox to initialise again: ${error}` })
    }
    await scratch
      ?.release()
      .catch((error: unknown) => log.error({ err: error, sandboxId }, 'a /tmp could not be removed'))
  }

  #moveTo(body: Body): void {
    this.#ensemble.leave()
    this.#ensemble = this.#assemble(body)
    this.#cpuLimited = false
    this.#chronicle.telemetry = this.#ensemble.telemetry
    this.#ensemble.attach()
    this.#apply({ kind: 'specialised' })
  }

  /** The caller gets its answer, unless it wants to see the end of the log in it. */
  #answer(outcome: RunOutcome): void {
    const run = this.#run as CurrentRun
    this.#chronicle.runtimeDone(outcome)
    if (run.invocation.logTail) return
    run.answered = true
    replyTo(run, outcome, '')
  }

  #finish(outcome: RunOutcome): void {
    const run = this.#run as CurrentRun
    this.#tellStart(run)
    this.#run = undefined
    this.#idleSinceMs = this.#parts.clock.monotonic()
    this.#journal.end(run.log)
    if (!run.answered && !run.invocation.logTail) replyTo(run, outcome, '')
    const recorded = this.#recorder.record(run, outcome, this.#ensemble.body)
    if (run.invocation.logTail) void recorded.then(() => replyTo(run, outcome, run.log.tail()))
    const next = this.#next
    this.#next = undefined
    if (next) void Promise.resolve().then(() => this.#follow(next))
    else this.#parts.onIdle()
  }

  /** The invocation that has waited for the end of the one before. */
  #follow(next: NextRun): void {
    if (!this.gone) {
      this.#begin(next)
      return
    }
    refuse(next, 'the sandbox is gone')
    this.#parts.onIdle()
  }

  #destroy(reason: string, why: ShutdownReason): void {
    this.#timer?.cancel()
    const ensemble = this.#ensemble
    this.#parts.onGone(reason)
    const work = async (): Promise<void> => {
      try {
        await ensemble.shutdown(why)
        await this.#recorder.figuresTaken()
      } finally {
        await ensemble.body.destroy()
        await this.#resetting
      }
      await this.#recorder.written
      this.#recorder.lastWords()
    }
    work()
      .catch((error: unknown) =>
        this.#parts.log.error({ err: error, sandboxId: this.#parts.sandboxId }, 'an end failed'),
      )
      .finally(() => this.#destroyed.resolve())
  }

  /** One timer that is moved only forward in time costs a warm invocation nothing. */
  #arm(): void {
    const { clock, freezeAfterMs } = this.#parts
    const due = deadlineOf(this.#state, freezeAfterMs)
    if (due === undefined || (this.#timer && this.#timer.atMs <= due)) return
    this.#timer?.cancel()
    const timer = clock.schedule(due - clock.monotonic(), () => {
      this.#timer = undefined
      this.#apply({ kind: 'tick' })
      this.#arm()
    })
    this.#timer = { atMs: due, cancel: () => timer.cancel() }
  }
}
