import type { FactSink } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { type Clock, delay, type Logger } from '@weft/platform'
import type { RunOutcome } from '@weft/sandbox'
import type { Body } from './boot.ts'
import type { Chronicle } from './chronicle.ts'
import type { CurrentRun } from './current-run.ts'
import type { Journal } from './journal.ts'
import { MemoryMeter } from './memory-meter.ts'
import { invocationRecord, logBatches } from './run-facts.ts'

export interface RecorderParts {
  readonly workerId: string
  readonly sandboxId: string
  readonly spec: SandboxSpec
  readonly logStream: string
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  readonly journal: Journal
  readonly chronicle: Chronicle
  /** The kernel killed a process inside for memory. */
  readonly onKilled: () => void
}

/** How long the end of a sandbox waits for the figures of its last run: what runs in there must end. */
const lastFiguresMs = 100

/** Completes logs of runs that are over and hands over what is known of them, in order and off the path of answers. */
export class Recorder {
  readonly #parts: RecorderParts
  readonly #meter: MemoryMeter
  #runs = 0
  #lastRequestId = ''
  #written: Promise<void> = Promise.resolve()

  constructor(parts: RecorderParts) {
    this.#parts = parts
    this.#meter = new MemoryMeter(parts.spec.memoryMb, parts.clock, parts.log)
  }

  /** The log and the records of all runs so far are out. */
  get written(): Promise<void> {
    return this.#written
  }

  /** A run is over; resolves when its log is complete. */
  record(run: CurrentRun, outcome: RunOutcome, body: Body): Promise<void> {
    this.#runs += 1
    this.#lastRequestId = run.invocation.requestId
    const coldStart = this.#runs === 1
    this.#written = this.#written.then(() => this.#write(run, outcome, body, coldStart))
    return this.#written
  }

  /** The figures of the last run are read, or have been waited for long enough. */
  async figuresTaken(): Promise<void> {
    await Promise.race([this.#written, delay(this.#parts.clock, lastFiguresMs)])
  }

  /**
   * What was written after the last run, by extensions that end for example, is logged with that; what an initialisation
   * ahead of calls wrote that came to nothing, with none.
   */
  lastWords(): void {
    const left = this.#parts.journal.begin()
    if (left.lines().length === 0) return
    this.#log(this.#lastRequestId, left)
  }

  async #write(run: CurrentRun, outcome: RunOutcome, body: Body, coldStart: boolean): Promise<void> {
    const { spec, facts, workerId, sandboxId, journal, chronicle, onKilled } = this.#parts
    await journal.complete(run.log, body.outputDelayMs)
    const maxMemoryUsedMb =
      outcome.errorType === 'Runtime.OutOfMemory' ? spec.memoryMb : await this.#meter.maxMb(body.sandbox)
    if (this.#meter.killed) onKilled()
    chronicle.report(run.log, outcome, maxMemoryUsedMb)
    this.#log(run.invocation.requestId, run.log)
    facts.record(invocationRecord(run, spec, outcome, { workerId, sandboxId, maxMemoryUsedMb, coldStart }))
  }

  #log(requestId: string, log: CurrentRun['log']): void {
    const { facts, spec, logStream } = this.#parts
    for (const batch of logBatches(requestId, log, spec, logStream)) facts.log(batch)
  }
}
