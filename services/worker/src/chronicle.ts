/** What happens to an environment, told to its log and to the extensions that subscribed to telemetry. */
import { imageRuntime } from '@weft/contracts'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Clock } from '@weft/platform'
import {
  type DoneFacts,
  type Extension,
  type InitFacts,
  type InitializationType,
  type InitPhase,
  type InvocationLog,
  oneLine,
  type PhaseFacts,
  type PlatformLines,
  platformEvents,
  platformLines,
  type RunOutcome,
  type TelemetrySubscription,
} from '@weft/sandbox'
import type { Journal } from './journal.ts'
import type { TelemetryHub } from './telemetry-hub.ts'

const mebibyte = 1024 * 1024

export interface ChronicleParts {
  readonly spec: SandboxSpec
  readonly logStream: string
  /** Of the runtime as this worker has it, for example "24.21.0". Absent: it tells none. */
  readonly runtimeVersion: string | undefined
  readonly initializationType: InitializationType
  readonly clock: Clock
  readonly journal: Journal
}

export class Chronicle {
  readonly #spec: SandboxSpec
  readonly #init: InitFacts
  readonly #clock: Clock
  readonly #lines: PlatformLines
  readonly #journal: Journal
  /** Of the sandbox that lives now. */
  telemetry: TelemetryHub

  constructor(parts: ChronicleParts, telemetry: TelemetryHub) {
    const { spec, logStream, clock, journal } = parts
    const runtimeVersion = parts.runtimeVersion === undefined ? spec.runtime : `${spec.runtime}:${parts.runtimeVersion}`
    this.#spec = spec
    this.#clock = clock
    this.#lines = platformLines(spec.logFormat, spec.systemLogLevel)
    this.#journal = journal
    this.telemetry = telemetry
    this.#init = {
      initializationType: parts.initializationType,
      functionName: spec.functionName,
      functionVersion: spec.version,
      runtimeVersion,
      runtimeVersionArn: `arn:aws:lambda:${spec.region}::runtime:${runtimeVersion}`,
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
    // The line tells the version of the platform's runtime, and an image has none of it.
    if (this.#spec.runtime !== imageRuntime) this.#tell(this.#lines.initStart(now, phase, this.#init))
    this.telemetry.emit(platformEvents.initStart(now, phase, this.#init))
  }

  runtimeReady(phase: InitPhase): void {
    const now = this.#clock.now()
    const facts = this.#phase('success', '')
    this.#tell(this.#lines.initRuntimeDone(now, phase, facts))
    this.telemetry.emit(platformEvents.initRuntimeDone(now, phase, facts))
  }

  initDone(phase: InitPhase, initMs: number): void {
    const now = this.#clock.now()
    const facts = { ...this.#phase('success', ''), durationMs: initMs }
    this.#tell(this.#lines.initReport(now, phase, facts))
    this.telemetry.emit(platformEvents.initReport(now, phase, facts))
  }

  initFailed(phase: InitPhase, initMs: number, status: 'timeout' | 'error', type: string): void {
    const now = this.#clock.now()
    const facts = { ...this.#phase(status, oneLine(type)), durationMs: initMs }
    this.#tell(this.#lines.initReport(now, phase, facts))
    this.telemetry.emit(platformEvents.initRuntimeDone(now, phase, facts))
    this.telemetry.emit(platformEvents.initReport(now, phase, facts))
  }

  restoreStart(): void {
    const now = this.#clock.now()
    this.#tell(this.#lines.restoreStart(now, this.#init))
    this.telemetry.emit(platformEvents.restoreStart(now, this.#init))
  }

  restored(restoreMs: number, status: 'success' | 'timeout' | 'error', type: string): void {
    const now = this.#clock.now()
    const facts = { durationMs: restoreMs, status, errorType: oneLine(type) }
    this.#tell(this.#lines.restoreRuntimeDone(now, facts))
    this.#tell(this.#lines.restoreReport(now, facts))
    this.telemetry.emit(platformEvents.restoreRuntimeDone(now, facts))
    this.telemetry.emit(platformEvents.restoreReport(now, facts))
  }

  start(log: InvocationLog, requestId: string): void {
    const now = this.#clock.now()
    const { version, tenantId } = this.#spec
    const line = this.#lines.start(now, requestId, version, tenantId)
    if (line !== undefined) log.tell(now, line)
    if (this.telemetry.wanted) this.telemetry.emit(platformEvents.start(now, requestId, version, tenantId))
  }

  runtimeDone(outcome: RunOutcome): void {
    if (this.telemetry.wanted)
      this.telemetry.emit(platformEvents.runtimeDone(this.#clock.now(), this.#doneFacts(outcome)))
  }

  /** The END and REPORT lines. */
  report(log: InvocationLog, outcome: RunOutcome, maxMemoryUsedMb: number): void {
    const now = this.#clock.now()
    const { requestId, durationMs, initMs, restoreMs, reported } = outcome
    const errorType = reported === 'error' ? oneLine(outcome.errorType) : ''
    const figures = { durationMs, initMs, restoreMs, memoryMb: this.#spec.memoryMb, maxMemoryUsedMb }
    const facts = { requestId, tenantId: this.#spec.tenantId, ...figures, status: reported, errorType }
    const lines = [
      this.#lines.runtimeDone(now, this.#doneFacts(outcome)),
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

  #phase(status: PhaseFacts['status'], errorType: string): PhaseFacts {
    return { initializationType: this.#init.initializationType, status, errorType }
  }

  #tell(line: string | undefined): void {
    if (line !== undefined) this.#journal.tell(line)
  }

  #doneFacts({ requestId, status, errorType, durationMs, payload, streamedBytes }: RunOutcome): DoneFacts {
    return {
      ...{ requestId, tenantId: this.#spec.tenantId, durationMs, errorType: oneLine(errorType) },
      status: status === 'platform-failure' ? 'failure' : status,
      producedBytes: streamedBytes ?? payload.byteLength,
    }
  }
}
