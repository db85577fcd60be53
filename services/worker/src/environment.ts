import { type FactSink, limits } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { type ResultFrame, type RunInvocation, type RunResult, RunStatus } from '@weft/contracts/worker'
import { type Clock, delay, type Logger } from '@weft/platform'
import {
  deadlineOf,
  type EnvironmentDecision,
  type EnvironmentEvent,
  type EnvironmentState,
  functionVariables,
  type InvokeHeader,
  oneLine,
  type PaceLimits,
  type PlatformLines,
  platformLines,
  type RunOutcome,
  type SessionCredentials,
  step,
} from '@weft/sandbox'
import { type AnswerPath, CollectedAnswer, StreamedAnswer } from './answer-path.ts'
import { endOf } from './body-exit.ts'
import type { Body } from './boot.ts'
import { Journal } from './journal.ts'
import { MemoryMeter } from './memory-meter.ts'
import { invocationRecord, logBatches, logStreamName, type RunFacts, tellEnd } from './run-facts.ts'
import type { LinkEvent } from './runtime-link.ts'

export interface EnvironmentParts {
  readonly sandboxId: string
  readonly workerId: string
  readonly spec: SandboxSpec
  readonly credentials: SessionCredentials | undefined
  readonly freezeAfterMs: number
  /** How fast functions may stream. */
  readonly pace: PaceLimits
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  /** Another sandbox with the same code, for an initialisation that is repeated. */
  readonly replacement: () => Promise<Body>
  /** Nothing runs any more; called after every run. */
  readonly onIdle: () => void
  /** It serves no more; called once, as soon as that is decided. */
  readonly onGone: (reason: string) => void
}

/** Takes what a run says to its dispatcher: parts of a streamed answer, and at last its result. */
export type RunReply = (frame: NonNullable<ResultFrame['frame']>) => void

interface CurrentRun extends RunFacts {
  readonly reply: RunReply
  readonly answer: AnswerPath
  /** The START line is out. */
  told: boolean
}

/** After lines were dropped, how long nothing more is read, ms. */
const floodHoldMs = 10
/** How long the end of a sandbox waits for the figures of its last run: what runs in there must end. */
const lastFiguresMs = 100

/** One execution environment: carries out what the pure life cycle decides. */
export class Environment {
  readonly #parts: EnvironmentParts
  readonly #logStream: string
  #body: Body
  #state: EnvironmentState = { kind: 'starting' }
  #run: CurrentRun | undefined
  readonly #journal: Journal
  readonly #lines: PlatformLines
  #timer: { readonly atMs: number; cancel(): void } | undefined
  #cpuLimited = false
  readonly #meter: MemoryMeter
  #idleSinceMs: number
  #runs = 0
  /** The log and record of earlier runs are out. */
  #sealed: Promise<void> = Promise.resolve()
  readonly #destroyed = Promise.withResolvers<void>()

  /** `body` holds the code already. */
  constructor(parts: EnvironmentParts, body: Body) {
    this.#parts = parts
    this.#body = body
    this.#logStream = logStreamName(parts.clock.now(), parts.spec.version, parts.sandboxId)
    this.#idleSinceMs = parts.clock.monotonic()
    this.#lines = platformLines(parts.spec.logFormat)
    this.#meter = new MemoryMeter(parts.spec.memoryMb, parts.clock, parts.log)
    this.#journal = new Journal(parts.clock)
    this.#attach(body)
    this.#apply({ kind: 'booted' })
    this.#apply({ kind: 'specialised' })
  }

  get busy(): boolean {
    return this.#run !== undefined
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
   * Runs an invocation; the caller has seen that none runs. `reply` gets one result, and ahead of it the parts of a
   * streamed answer if the caller takes those; credit for them goes to the stream that is returned then.
   */
  run(invocation: RunInvocation, reply: RunReply): StreamedAnswer | undefined {
    const { clock, spec, pace } = this.#parts
    const pause = () => this.#body.link.pause()
    const stream =
      invocation.answerWindowBytes > 0 ? new StreamedAnswer({ invocation, pace, clock, pause, send: reply }) : undefined
    const answer = stream ?? new CollectedAnswer()
    this.#run = { invocation, reply, answer, startedAtMs: clock.now(), log: this.#journal.begin(), told: false }
    this.#runs += 1
    const { requestId } = invocation
    const { timeoutMs } = spec
    this.#apply({ kind: 'invoke', run: { requestId, timeoutMs, streamBytes: answer.mostBytes } })
    return stream
  }

  /** Ends it, whatever it does. */
  stop(reason: string): Promise<void> {
    this.#apply({ kind: 'stop', reason })
    return this.destroyed
  }

  #attach(body: Body): void {
    const current = (): boolean => body === this.#body
    body.link.onEvent((event) => {
      if (current()) this.#onLink(event)
    })
    body.onOutput((chunk, from) => {
      if (current()) this.#journal.push(chunk, from)
    })
    void endOf(body, this.#parts.clock).then((event) => {
      if (current()) this.#apply(event)
    })
  }

  #onLink(event: LinkEvent): void {
    if (event.kind === 'log') {
      this.#journal.add(event.message)
      if (this.#journal.full) this.#body.link.hold(this.#parts.clock, floodHoldMs)
    } else if (event.kind === 'hello') this.#apply({ kind: 'violation', reason: 'HELLO for the second time' })
    else this.#apply(event)
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
        this.#body.sandbox.thaw().then(
          () => this.#carryOut(decisions.slice(index + 1)),
          (error: unknown) => this.#apply({ kind: 'failed', reason: `a sandbox could not be thawed: ${error}` }),
        )
        return
      }
      this.#do(decision)
    }
  }

  #do(decision: EnvironmentDecision): void {
    const { clock, spec, log, sandboxId } = this.#parts
    switch (decision.do) {
      case 'init':
        this.#journal.tell(this.#lines.initStart(clock.now(), spec.runtime, spec.region))
        this.#init()
        break
      case 'invoke':
        this.#invoke()
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
        this.#body.sandbox
          .freeze()
          .catch((error: unknown) => log.warn({ err: error, sandboxId }, 'a sandbox could not be frozen'))
        break
      case 'replace':
        void this.#replace()
        break
      case 'report-init': {
        const { initMs, status, errorType } = decision
        this.#journal.tell(this.#lines.initReport(clock.now(), initMs, status, oneLine(errorType)))
        break
      }
      case 'finish':
        this.#finish(decision.outcome)
        break
      case 'destroy':
        this.#destroy(decision.reason)
        break
    }
  }

  #init(): void {
    const { spec, credentials } = this.#parts
    const body = this.#body
    body.link.init({
      handler: spec.handler,
      taskRoot: body.taskRoot,
      layersRoot: body.layersRoot,
      logFormat: spec.logFormat,
      environment: functionVariables({ ...spec, logStream: this.#logStream }, body, credentials),
    })
  }

  #invoke(): void {
    const run = this.#run as CurrentRun
    const { spec, clock } = this.#parts
    // Initialisation has the CPU to itself, as on AWS; from the first invocation on the share counts.
    if (!this.#cpuLimited) {
      this.#cpuLimited = true
      this.#body.sandbox
        .limit({ memoryMb: spec.memoryMb, cpu: spec.memoryMb / limits.memoryMbPerCpu })
        .catch((error: unknown) => this.#apply({ kind: 'failed', reason: `limits could not be set: ${error}` }))
    }
    this.#tellStart(run)
    const { invocation } = run
    const left = (deadlineOf(this.#state, 0) ?? 0) - clock.monotonic()
    const header: InvokeHeader = {
      requestId: invocation.requestId,
      deadlineMs: Math.floor(clock.now() + left),
      invokedFunctionArn: invocation.invokedFunctionArn,
      ...(invocation.traceHeader !== '' && { traceId: invocation.traceHeader }),
      ...(invocation.clientContext !== '' && {
        clientContext: Buffer.from(invocation.clientContext, 'base64').toString('utf8'),
      }),
    }
    this.#body.link.invoke(header, invocation.payload.length > 0 ? invocation.payload : emptyEvent)
  }

  #tellStart(run: CurrentRun): void {
    if (run.told) return
    run.told = true
    const now = this.#parts.clock.now()
    run.log.tell(now, this.#lines.start(now, run.invocation.requestId, this.#parts.spec.version))
  }

  async #replace(): Promise<void> {
    const old = this.#body
    void old.destroy()
    try {
      const body = await this.#parts.replacement()
      if (this.gone) return void body.destroy()
      this.#body = body
      this.#cpuLimited = false
      this.#attach(body)
      this.#apply({ kind: 'specialised' })
    } catch (error) {
      this.#apply({ kind: 'failed', reason: `no sandbox to initialise again: ${error}` })
    }
  }

  #finish(outcome: RunOutcome): void {
    const run = this.#run as CurrentRun
    this.#tellStart(run)
    this.#run = undefined
    this.#idleSinceMs = this.#parts.clock.monotonic()
    this.#journal.end(run.log)
    const collected = run.answer.end()
    const whole = outcome.status === 'success' && outcome.streamedBytes !== undefined ? collected : outcome.payload
    const result = (logTail: string): RunResult => ({
      seq: run.invocation.seq,
      status: statusOf[outcome.status],
      payload: whole as Buffer,
      logTail,
      sandboxLost: outcome.lost,
      detail: outcome.errorType,
      durationMs: outcome.durationMs,
      initDurationMs: outcome.initMs,
    })
    const wantsTail = run.invocation.logTail
    const reply = (value: RunResult): void => run.reply({ $case: 'result', value })
    if (!wantsTail) reply(result(''))
    const coldStart = this.#runs === 1
    this.#sealed = this.#sealed.then(() => this.#seal(run, outcome, coldStart))
    if (wantsTail) void this.#sealed.then(() => reply(result(run.log.tail())))
    this.#parts.onIdle()
  }

  /** Completes the log of a run and hands over what is known of it; off the path of the answer. */
  async #seal(run: CurrentRun, outcome: RunOutcome, coldStart: boolean): Promise<void> {
    const { clock, spec, facts, workerId, sandboxId } = this.#parts
    await this.#journal.complete(run.log, this.#body.outputDelayMs)
    const maxMemoryUsedMb =
      outcome.errorType === 'Runtime.OutOfMemory' ? spec.memoryMb : await this.#meter.maxMb(this.#body.sandbox)
    // The runtime lives on, but a process of the function's is missing: nobody knows in what state that leaves it.
    if (this.#meter.killed && !this.busy) this.#apply({ kind: 'stop', reason: 'out of memory' })
    tellEnd(run.log, clock.now(), spec, outcome, maxMemoryUsedMb)
    for (const batch of logBatches(run, spec, this.#logStream)) facts.log(batch)
    facts.record(invocationRecord(run, spec, outcome, { workerId, sandboxId, maxMemoryUsedMb, coldStart }))
  }

  #destroy(reason: string): void {
    const { onGone, clock } = this.#parts
    this.#timer?.cancel()
    const body = this.#body
    onGone(reason)
    const work = async (): Promise<void> => {
      await Promise.race([this.#sealed, delay(clock, lastFiguresMs)])
      await body.destroy()
      await this.#sealed
    }
    void work().finally(() => this.#destroyed.resolve())
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

const emptyEvent = Buffer.from('{}')

const statusOf = {
  success: RunStatus.RUN_STATUS_SUCCEEDED,
  error: RunStatus.RUN_STATUS_FUNCTION_ERROR,
  timeout: RunStatus.RUN_STATUS_FUNCTION_ERROR,
  'platform-failure': RunStatus.RUN_STATUS_PLATFORM_ERROR,
} as const
