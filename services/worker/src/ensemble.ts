import type { SandboxSpec } from '@weft/contracts/sandbox'
import type { Clock, Logger } from '@weft/platform'
import type { EnvironmentEvent, InvokeHeader, ShutdownReason } from '@weft/sandbox'
import { endOf } from './body-exit.ts'
import type { Body } from './boot.ts'
import type { Chronicle } from './chronicle.ts'
import { ExtensionHost } from './extension-host.ts'
import type { Journal } from './journal.ts'
import type { LinkEvent } from './runtime-link.ts'
import type { TelemetryHub } from './telemetry-hub.ts'

export interface EnsembleParts {
  readonly body: Body
  readonly spec: SandboxSpec
  /** Programs in /opt/extensions, by name. */
  readonly programs: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  readonly journal: Journal
  readonly chronicle: () => Chronicle
  readonly onEvent: (event: EnvironmentEvent) => void
}

/** After lines were dropped, how long nothing more is read, ms. */
const floodHoldMs = 10

/**
 * Runtime and extensions in one sandbox: started in their order, and for whoever looks from outside only where they should
 * be when all of them are.
 */
export class Ensemble {
  readonly body: Body
  readonly #parts: EnsembleParts
  readonly #extensions: ExtensionHost
  /** What is waited for. */
  #goal: 'registration' | 'readiness' | 'rest' | undefined
  #initRuntime: () => void = () => undefined
  #phase: 'init' | 'invoke' = 'init'
  #initStartedAtMs = 0
  #runtimeReady = false
  #left = false

  constructor(parts: EnsembleParts) {
    const { body, spec, programs, clock, log, journal, chronicle } = parts
    this.#parts = parts
    this.body = body
    this.#extensions = new ExtensionHost({
      ...{ body, spec, programs, clock, log },
      onLine: (line) => {
        journal.addBeside(line)
        chronicle().line('extension', line)
      },
      onSubscribed: (name, subscription) => chronicle().subscribed(name, subscription),
      onChange: () => this.#lookAround(),
      holdMs: () => (journal.full ? floodHoldMs : 0),
      onFailed: (fault) => this.#tell({ kind: 'extension-failed', fault }),
    })
  }

  get telemetry(): TelemetryHub {
    return this.#extensions.telemetry
  }

  /** From now on what happens in the sandbox is told. */
  attach(): void {
    const { body, journal, clock } = this.#parts
    body.link.onEvent((event) => {
      if (!this.#left) this.#onLink(event)
    })
    body.onOutput((chunk, from) => {
      if (this.#left) return 0
      journal.push(chunk, from)
      return journal.full ? floodHoldMs : 0
    })
    void endOf(body, clock).then((event) => this.#tell(event))
  }

  /** Another sandbox has taken the place of this one: nothing from in here counts any more. */
  leave(): void {
    this.#left = true
  }

  /** Extensions first; when they have registered, the runtime; `ready` when all wait for their first event. */
  initialise(phase: 'init' | 'invoke', variables: Readonly<Record<string, string>>): void {
    const { spec, clock, chronicle } = this.#parts
    const { link, taskRoot, layersRoot } = this.body
    const { handler, logFormat } = spec
    this.#phase = phase
    this.#initStartedAtMs = clock.monotonic()
    chronicle().initStart(phase)
    const { snapStart } = spec
    this.#initRuntime = () => link.init({ handler, taskRoot, layersRoot, logFormat, environment: variables, snapStart })
    this.#goal = 'registration'
    this.#extensions.launch(variables)
    this.#lookAround()
  }

  /** Tells what there was to be told of an initialisation that is over, once. */
  initialised(): void {
    if (this.#initStartedAtMs === 0) return
    const { clock, chronicle } = this.#parts
    const initMs = clock.monotonic() - this.#initStartedAtMs
    this.#initStartedAtMs = 0
    this.#extensions.closeSubscriptions()
    for (const extension of this.#extensions.all) chronicle().extension(extension)
    chronicle().initDone(this.#phase, initMs)
  }

  /** With SnapStart, when it has initialised; `restored` or `restore-error` follows. */
  restore(): void {
    this.initialised()
    this.#parts.chronicle().restoreStart()
    this.body.link.restore()
  }

  invoke(header: InvokeHeader, event: Uint8Array): void {
    this.#extensions.invoke(header)
    this.body.link.invoke(header, event)
  }

  /** `settled` when all wait for the next event. */
  rest(): void {
    this.#goal = 'rest'
    this.#lookAround()
  }

  /** Has everything inside end in its order and time; what is left then ends with the sandbox. */
  shutdown(why: ShutdownReason): Promise<void> {
    return this.#extensions.shutdown(why)
  }

  #tell(event: EnvironmentEvent): void {
    if (!this.#left) this.#parts.onEvent(event)
  }

  #onLink(event: LinkEvent): void {
    const { journal, clock, chronicle } = this.#parts
    switch (event.kind) {
      case 'log':
        journal.add(event.message)
        if (journal.full) this.body.link.hold(clock, floodHoldMs)
        break
      case 'hello':
        this.#tell({ kind: 'violation', reason: 'HELLO for the second time' })
        break
      case 'ready':
        if (this.#goal !== 'readiness') break
        chronicle().runtimeReady(this.#phase)
        this.#extensions.closeRegistration()
        this.#runtimeReady = true
        this.#lookAround()
        break
      case 'next':
        this.#lookAround()
        break
      default:
        this.#tell(event)
    }
  }

  /** What is waited for goes on once the last of them is where it should be. */
  #lookAround(): void {
    if (this.#goal === 'registration' && this.#extensions.registered) {
      this.#goal = 'readiness'
      this.#runtimeReady = false
      this.#initRuntime()
    } else if (this.#goal === 'readiness' && this.#runtimeReady && this.#extensions.settled) {
      this.#goal = undefined
      this.#tell({ kind: 'ready' })
    } else if (this.#goal === 'rest' && this.#extensions.settled && this.body.link.waiting) {
      this.#goal = undefined
      this.#tell({ kind: 'settled' })
    }
  }
}
