import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SandboxSpec } from '@weft/contracts/sandbox'
import { type Clock, delay, type Logger } from '@weft/platform'
import {
  type Extension,
  ExtensionsApi,
  exitText,
  extensionRefusal,
  extensionVariables,
  type FunctionFault,
  faultOf,
  type InvokeNotice,
  mostExtensions,
  OutputLines,
  parseSubscription,
  type SandboxProgram,
  type ShutdownReason,
  shutdownBudget,
  type TelemetrySubscription,
  type Wake,
} from '@weft/sandbox'
import type { Body } from './boot.ts'
import { readBody, sendAnswer } from './inside-api.ts'
import { TelemetryHub } from './telemetry-hub.ts'

export interface ExtensionHostParts {
  readonly body: Body
  readonly spec: SandboxSpec
  /** Names of the programs in /opt/extensions. */
  readonly programs: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  /** A line that an extension wrote. */
  readonly onLine: (line: string) => void
  /** For how long nothing more of what they write is read, ms. */
  readonly holdMs: () => number
  readonly onSubscribed: (name: string, subscription: TelemetrySubscription) => void
  /** Somebody has registered or asked for the next event. */
  readonly onChange: () => void
  readonly onFailed: (fault: FunctionFault) => void
}

const apiBodyBytes = 256 * 1024

/** The extensions in one sandbox: starts them, serves their APIs, tells them of invocations and of the end. */
export class ExtensionHost {
  readonly telemetry: TelemetryHub
  readonly #parts: ExtensionHostParts
  readonly #api: ExtensionsApi
  readonly #programs = new Map<string, SandboxProgram>()
  /** Connections of parked `next`s, by extension id. */
  readonly #parked = new Map<string, ServerResponse>()
  #subscribable = true
  #ending = false

  constructor(parts: ExtensionHostParts) {
    const { body, spec, clock, log } = parts
    this.#parts = parts
    const { functionName, version: functionVersion, handler, accountId } = spec
    this.#api = new ExtensionsApi({ functionName, functionVersion, handler, accountId }, randomUUID)
    this.telemetry = new TelemetryHub({
      dial: async (port) => {
        if (!body.sandbox.dial) throw new Error('this worker cannot connect to programs in sandboxes')
        return body.sandbox.dial(port)
      },
      ...{ clock, log },
    })
    body.inside?.route('/2020-01-01/extension/', (request, response) => this.#serve(request, response))
    for (const [prefix, api] of [
      ['/2022-07-01/telemetry', 'telemetry'],
      ['/2020-08-15/logs', 'logs'],
    ] as const)
      body.inside?.route(prefix, (request, response) => this.#subscribe(api, request, response))
  }

  get all(): readonly Extension[] {
    return this.#api.all
  }

  /** All programs have registered: the runtime may initialise. */
  get registered(): boolean {
    return this.#api.registered
  }

  /** All wait for the next event. */
  get settled(): boolean {
    return this.#api.settled
  }

  /** Starts the programs of the layers; what they then do comes through `onChange` and `onFailed`. */
  launch(variables: Readonly<Record<string, string>>): void {
    const { programs } = this.#parts
    for (const name of programs) this.#api.launched(name)
    if (programs.length > mostExtensions) {
      queueMicrotask(() => this.#fail('Extension.LaunchError', `a function has at most ${mostExtensions} extensions`))
      return
    }
    for (const [index, name] of programs.entries()) void this.#start(index, name, extensionVariables(variables))
  }

  /** The runtime has initialised: nobody registers any more. */
  closeRegistration(): void {
    this.#api.close()
  }

  /** Everybody has initialised: nobody subscribes any more. */
  closeSubscriptions(): void {
    this.#subscribable = false
    this.telemetry.closeSubscriptions()
  }

  invoke(notice: InvokeNotice): void {
    this.#wake(this.#api.invoke(notice))
  }

  /**
   * Has everything in the sandbox end in the order and the time that AWS gives it: the runtime, then the extensions that
   * want to know. What is left when it resolves ends with the sandbox.
   */
  async shutdown(why: ShutdownReason): Promise<void> {
    this.#ending = true
    const { body, clock } = this.#parts
    const { totalMs, runtimeMs } = shutdownBudget(this.#api.all)
    if (totalMs > 0) {
      await body.sandbox.thaw()
      const startedAtMs = clock.monotonic()
      const left = (): number => Math.max(0, startedAtMs + totalMs - clock.monotonic())
      body.runtime.terminate()
      await this.#within(body.runtime.exited, runtimeMs)
      body.runtime.kill()
      this.#wake(this.#api.shutdown(why, Math.floor(clock.now() + left())))
      await this.#within(Promise.all([this.#endings(), this.telemetry.flush()]), left())
    }
    this.telemetry.close()
  }

  /** The ends of the programs that want to know of the end; the others are not waited for. */
  async #endings(): Promise<void> {
    const told = this.#api.all.filter(({ external, events }) => external && events.includes('SHUTDOWN'))
    await Promise.all(told.map(({ name }) => this.#programs.get(name)?.exited))
  }

  async #within(end: Promise<unknown>, ms: number): Promise<void> {
    const enough = new AbortController()
    await Promise.race([end, delay(this.#parts.clock, ms, enough.signal)])
    enough.abort()
  }

  async #start(index: number, name: string, environment: Readonly<Record<string, string>>): Promise<void> {
    const { body, onLine, holdMs } = this.#parts
    try {
      if (!body.sandbox.run) throw new Error('this worker cannot run extensions')
      const command = [`${body.layersRoot}/extensions/${name}`]
      const program = await body.sandbox.run({ programId: `extension${index}`, command, environment, folder: '/' })
      this.#programs.set(name, program)
      const lines = new OutputLines()
      program.onOutput((chunk) => {
        lines.push(chunk, onLine)
        return holdMs()
      })
      const exit = await program.exited
      lines.flush(onLine)
      const entry = this.#api.all.find((one) => one.external && one.name === name)
      const gaveUp = entry?.state === 'failed'
      this.#api.exited(name)
      if (!gaveUp) this.#fail('Extension.Crash', exitText(exit))
    } catch (error) {
      this.#fail('Extension.LaunchError', error instanceof Error ? error.message : String(error))
    }
  }

  #fail(errorType: string, message: string): void {
    if (!this.#ending) this.#parts.onFailed(faultOf(errorType, `Error: ${message}`))
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    readBody(request, apiBodyBytes, (body) => {
      const { method = '', url = '' } = request
      const step = this.#api.request({ method, path: url, headers: textHeaders(request), body })
      if (step.response === 'park') this.#park((step.extension as Extension).id, response)
      else sendAnswer(response, step.response)
      if (step.failed) this.#fail(step.failed, step.extension?.errorType ?? '')
      else if (step.extension) this.#parts.onChange()
    })
  }

  #subscribe(api: 'telemetry' | 'logs', request: IncomingMessage, response: ServerResponse): void {
    readBody(request, apiBodyBytes, (body) => {
      const extension = this.#api.byId(textHeaders(request)['lambda-extension-identifier'])
      const refuse = (status: number, type: string, message: string): void =>
        sendAnswer(response, extensionRefusal(status, type, message).response)
      if (request.method !== 'PUT') return refuse(405, 'MethodNotAllowed', 'Method not allowed')
      if (!extension) return refuse(403, 'Extension.UnknownExtensionIdentifier', 'Unknown extension')
      const prefix = api === 'logs' ? 'Logs' : 'Telemetry'
      if (!this.#subscribable) return refuse(403, `${prefix}.SubscriptionClosed`, 'The initialisation is over')
      const parsed = parseSubscription(api, body)
      if (!parsed.ok) return refuse(400, 'ValidationError', parsed.error)
      this.telemetry.subscribe(extension.id, parsed.value)
      this.#parts.onSubscribed(extension.name, parsed.value)
      sendAnswer(response, { status: 200, headers: { 'Content-Type': 'application/json' }, body: Buffer.from('"OK"') })
    })
  }

  #park(id: string, response: ServerResponse): void {
    this.#parked.set(id, response)
    response.once('close', () => {
      if (this.#parked.get(id) === response) this.#parked.delete(id)
    })
  }

  #wake(wakes: readonly Wake[]): void {
    for (const wake of wakes) {
      const parked = this.#parked.get(wake.extension.id)
      this.#parked.delete(wake.extension.id)
      if (parked) sendAnswer(parked, wake.response)
      else this.#api.undelivered(wake)
    }
  }
}

const textHeaders = ({ headers }: IncomingMessage): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]))
