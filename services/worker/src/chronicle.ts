/** What happens to an environment, told to its log and to the extensions that subscribed to telemetry. */
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Clock } from '@weft/platform'
import {
  type DoneFacts,
  type Extension,
  type InitFacts,
  type InitPhase,
  type InvocationLog,
  oneLine,
  type PlatformLines,
  platformEvents,
  platformLines,
  type RunOutcome,
  type TelemetrySubscription,
} from '@weft/sandbox'
import type { Journal } from './journal.ts'
import type { TelemetryHub } from './telemetry-hub.ts'

const mebibyte = 1024 * 1024

export class Chronicle {
  readonly #spec: SandboxSpec
  readonly #init: InitFacts
  readonly #clock: Clock
  readonly #lines: PlatformLines
  readonly #journal: Journal
  /** Of the sandbox that lives now. */
  telemetry: TelemetryHub

  constructor(spec: SandboxSpec, logStream: string, clock: Clock, journal: Journal, telemetry: TelemetryHub) {
    this.#spec = spec
    this.#clock = clock
    this.#lines = platformLines(spec.logFormat, spec.systemLogLevel)
    this.#journal = journal
    this.telemetry = telemetry
    this.#init = {
      functionName: spec.functionName,
      functionVersion: spec.version,
      runtimeVersion: spec.runtime,
      runtimeVersionArn: `arn:aws:lambda:${spec.region}::runtime:${spec.runtime}`,
      instanceId: logStream,
      instanceMaxMemoryBytes: spec.memoryMb * mebibyte,
    }
  }

  /** A line that the function or an extension wrote. */
  line(from: 'function' | 'extension', line: string): void {
    if (this.telemetry.wanted)
      this.telemetry.emit(platformEvents.line(this.#clock.now(), from, line, this.#spec.logFormat === 'JSON'))
  }

  initStart(phase: InitPhase): void {
    const now = this.#clock.now()
    this.#tell(this.#lines.initStart(now, phase, this.#init))
    this.telemetry.emit(platformEvents.initStart(now, phase, this.#init))
  }

  runtimeReady(phase: InitPhase): void {
    const now = this.#clock.now()
    this.#tell(this.#lines.initRuntimeDone(now, phase))
    this.telemetry.emit(platformEvents.initRuntimeDone(now, phase, 'success'))
  }

  initDone(phase: InitPhase, initMs: number): void {
    const now = this.#clock.now()
    this.#tell(this.#lines.initReport(now, phase, initMs, 'success', ''))
    this.telemetry.emit(platformEvents.initReport(now, phase, initMs, 'success'))
  }

  initFailed(phase: InitPhase, initMs: number, status: 'timeout' | 'error', type: string): void {
    const now = this.#clock.now()
    const errorType = oneLine(type)
    this.#tell(this.#lines.initReport(now, phase, initMs, status, errorType))
    this.telemetry.emit(platformEvents.initRuntimeDone(now, phase, status, errorType))
    this.telemetry.emit(platformEvents.initReport(now, phase, initMs, status, errorType))
  }

  start(log: InvocationLog, requestId: string): void {
    const now = this.#clock.now()
    const line = this.#lines.start(now, requestId, this.#spec.version)
    if (line !== undefined) log.tell(now, line)
    if (this.telemetry.wanted) this.telemetry.emit(platformEvents.start(now, requestId, this.#spec.version))
  }

  runtimeDone(outcome: RunOutcome): void {
    if (this.telemetry.wanted) this.telemetry.emit(platformEvents.runtimeDone(this.#clock.now(), doneFacts(outcome)))
  }

  /** The END and REPORT lines. */
  report(log: InvocationLog, outcome: RunOutcome, maxMemoryUsedMb: number): void {
    const now = this.#clock.now()
    const { requestId, durationMs, initMs, reported } = outcome
    const errorType = reported === 'error' ? oneLine(outcome.errorType) : ''
    const figures = { durationMs, initMs, memoryMb: this.#spec.memoryMb, maxMemoryUsedMb }
    const facts = { requestId, ...figures, status: reported, errorType }
    const lines = [
      this.#lines.runtimeDone(now, doneFacts(outcome)),
      this.#lines.end(requestId),
      this.#lines.report(now, facts),
    ]
    for (const line of lines) if (line !== undefined) log.tell(now, line)
    if (!this.telemetry.wanted) return
    this.telemetry.emit({ time: new Date(now).toISOString(), type: 'platform.end', record: { requestId } })
    this.telemetry.emit(platformEvents.report(now, facts))
  }

  extension(extension: Extension): void {
    const now = this.#clock.now()
    this.#tell(this.#lines.extension(now, { ...extension, name: oneLine(extension.name) }))
    this.telemetry.emit(platformEvents.extension(now, extension))
  }

  subscribed(name: string, { api, types }: TelemetrySubscription): void {
    const now = this.#clock.now()
    this.#tell(this.#lines.subscription(now, api, oneLine(name), types))
    this.telemetry.emit(platformEvents.telemetrySubscription(now, name, types))
  }

  #tell(line: string | undefined): void {
    if (line !== undefined) this.#journal.tell(line)
  }
}

const doneFacts = ({ requestId, status, errorType, durationMs, payload, streamedBytes }: RunOutcome): DoneFacts => ({
  ...{ requestId, durationMs, errorType: oneLine(errorType) },
  status: status === 'platform-failure' ? 'failure' : status,
  producedBytes: streamedBytes ?? payload.byteLength,
})
