/**
 * The Extensions API (2020-01-01) of one sandbox as a pure machine over HTTP requests: who has registered for what, and
 * who has asked for the next event. Refusals have the types of AWS's runtime interface emulator.
 */
import type { ApiRequest, ApiResponse } from './runtime-api.ts'

/** AWS's limit of extensions, external and internal ones together. */
export const mostExtensions = 10

export type ExtensionEventType = 'INVOKE' | 'SHUTDOWN'
/** As AWS's own platform writes them; the developer guide shows them in capitals. */
export type ShutdownReason = 'spindown' | 'timeout' | 'failure'

export interface ExtensionFacts {
  readonly functionName: string
  readonly functionVersion: string
  readonly handler: string
  readonly accountId: string
}

export interface Extension {
  readonly id: string
  readonly name: string
  /** A program of its own; an internal one is part of the runtime's process. */
  readonly external: boolean
  readonly events: readonly ExtensionEventType[]
  readonly state: 'launched' | 'registered' | 'waiting' | 'busy' | 'failed' | 'exited'
  /** The type that it gave for its failure. */
  readonly errorType: string
}

export interface ExtensionRequest extends Pick<ApiRequest, 'method' | 'path' | 'body'> {
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface ExtensionStep {
  /** "park": a `next` that waits for its event. */
  readonly response: ApiResponse | 'park'
  readonly extension?: Extension
  /** Set when the extension gave up. */
  readonly failed?: 'Extension.InitError' | 'Extension.ExitError'
}

/** The answer to a parked `next`. */
export interface Wake {
  readonly extension: Extension
  readonly response: ApiResponse
}

export interface InvokeNotice {
  readonly requestId: string
  readonly deadlineMs: number
  readonly invokedFunctionArn: string
  readonly traceId?: string | undefined
}

const json = (status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): ApiResponse => ({
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: Buffer.from(JSON.stringify(value)),
})
const accepted = json(202, { status: 'OK' })
export const extensionRefusal = (
  status: number,
  errorType: string,
  errorMessage: string,
): { readonly response: ApiResponse } => ({
  response: json(status, { errorMessage, errorType }),
})

/** Mutable inside; handed out as Extension. */
type Entry = { -readonly [K in keyof Extension]: Extension[K] } & { pending: ApiResponse | undefined }

export class ExtensionsApi {
  readonly #facts: ExtensionFacts
  readonly #newId: () => string
  readonly #entries: Entry[] = []
  #closed = false

  constructor(facts: ExtensionFacts, newId: () => string) {
    this.#facts = facts
    this.#newId = newId
  }

  get all(): readonly Extension[] {
    return this.#entries
  }

  /** All programs that were launched have registered, so that the runtime may start. */
  get registered(): boolean {
    return this.#entries.every(({ state }) => state !== 'launched')
  }

  /** All have asked for the next event. */
  get settled(): boolean {
    return this.#entries.every(({ state }) => state === 'waiting' || state === 'exited')
  }

  /** Somebody takes part in invocations. */
  get attends(): boolean {
    return this.#entries.some(({ events }) => events.includes('INVOKE'))
  }

  /** A program of a layer is being started under this name. */
  launched(name: string): void {
    this.#add(name, true)
  }

  /** The runtime has asked for its first invocation: nobody may register any more. */
  close(): void {
    this.#closed = true
  }

  byId(id: string | undefined): Extension | undefined {
    return this.#entries.find((entry) => entry.id === id && entry.state !== 'launched')
  }

  /** What a request below /2020-01-01/extension is answered. */
  request(request: ExtensionRequest): ExtensionStep {
    const path = (request.path.split('?', 1)[0] as string).replace('/2020-01-01/extension', '')
    const expected = path === '/event/next' ? 'GET' : 'POST'
    if (!['/register', '/event/next', '/init/error', '/exit/error'].includes(path))
      return extensionRefusal(404, 'NotFound', 'Not found')
    if (request.method !== expected) return extensionRefusal(405, 'MethodNotAllowed', 'Method not allowed')
    if (path === '/register') return this.#register(request)
    const id = request.headers['lambda-extension-identifier']
    if (id === undefined || id === '')
      return extensionRefusal(403, 'Extension.MissingExtensionIdentifier', 'Missing Lambda-Extension-Identifier header')
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id))
      return extensionRefusal(403, 'Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier')
    const entry = this.byId(id) as Entry | undefined
    if (!entry) return extensionRefusal(403, 'Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`)
    if (path === '/event/next') return this.#next(entry)
    return this.#fail(entry, path === '/init/error', request)
  }

  /** Tells everybody who wants to know of an invocation. */
  invoke(notice: InvokeNotice): readonly Wake[] {
    return this.#send('INVOKE', {
      eventType: 'INVOKE',
      deadlineMs: notice.deadlineMs,
      requestId: notice.requestId,
      invokedFunctionArn: notice.invokedFunctionArn,
      tracing: { type: 'X-Amzn-Trace-Id', value: notice.traceId ?? '' },
    })
  }

  /** Tells everybody who wants to know of the end. */
  shutdown(shutdownReason: ShutdownReason, deadlineMs: number): readonly Wake[] {
    return this.#send('SHUTDOWN', { eventType: 'SHUTDOWN', shutdownReason, deadlineMs })
  }

  /** The program of that name has ended. */
  exited(name: string): void {
    const entry = this.#entries.find((one) => one.external && one.name === name)
    if (entry) entry.state = 'exited'
  }

  #register({ headers, body }: ExtensionRequest): ExtensionStep {
    const name = headers['lambda-extension-name'] ?? ''
    if (name === '') return extensionRefusal(403, 'Extension.InvalidExtensionName', 'Empty extension name')
    const events = eventsOf(body)
    if (events === undefined)
      return extensionRefusal(400, 'InvalidRequestFormat', 'Could not parse the body of the request')
    const unknown = events.find((event) => event !== 'INVOKE' && event !== 'SHUTDOWN')
    if (unknown !== undefined)
      return extensionRefusal(403, 'Extension.InvalidEventType', `${unknown}: invalid event type`)
    const known = this.#entries.find((entry) => entry.name === name)
    if (known && known.state !== 'launched')
      return extensionRefusal(
        403,
        'Extension.InvalidExtensionState',
        `Transition from ${known.state} to register is not allowed`,
      )
    if (!known) {
      if (this.#closed)
        return extensionRefusal(403, 'Extension.RegistrationClosed', 'Extension registration closed already')
      if (events.includes('SHUTDOWN'))
        return extensionRefusal(
          403,
          'Extension.ShutdownEventNotSupportedForInternalExtension',
          'SHUTDOWN event is not supported for internal extensions',
        )
      if (this.#entries.length >= mostExtensions)
        return extensionRefusal(403, 'Extension.TooManyExtensions', `Extension limit (${mostExtensions}) reached`)
    }
    const entry = known ?? this.#add(name, false)
    entry.state = 'registered'
    entry.events = events as ExtensionEventType[]
    const { accountId, ...facts } = this.#facts
    const features = (headers['lambda-extension-accept-feature'] ?? '').split(',').map((feature) => feature.trim())
    return {
      response: json(200, features.includes('accountId') ? { ...facts, accountId } : facts, {
        'Lambda-Extension-Identifier': entry.id,
      }),
      extension: entry,
    }
  }

  #next(entry: Entry): ExtensionStep {
    if (entry.state === 'failed' || entry.state === 'exited')
      return extensionRefusal(
        403,
        'Extension.InvalidExtensionState',
        `Transition from ${entry.state} to next is not allowed`,
      )
    const { pending } = entry
    entry.pending = undefined
    // An event that came while the connection of the last `next` was lost.
    if (pending) {
      entry.state = 'busy'
      return { response: pending, extension: entry }
    }
    entry.state = 'waiting'
    return { response: 'park', extension: entry }
  }

  #fail(entry: Entry, initialising: boolean, { headers }: ExtensionRequest): ExtensionStep {
    const errorType = headers['lambda-extension-function-error-type'] ?? ''
    if (errorType === '')
      return extensionRefusal(400, 'Extension.MissingHeader', 'Missing Lambda-Extension-Function-Error-Type header')
    if (initialising && entry.state !== 'registered')
      return extensionRefusal(
        403,
        'Extension.InvalidExtensionState',
        `Transition from ${entry.state} to error is not allowed`,
      )
    entry.state = 'failed'
    entry.errorType = errorType
    return {
      response: accepted,
      extension: entry,
      failed: initialising ? 'Extension.InitError' : 'Extension.ExitError',
    }
  }

  #add(name: string, external: boolean): Entry {
    const entry: Entry = {
      ...{ id: this.#newId(), name, external, events: [], errorType: '', pending: undefined },
      state: external ? 'launched' : 'registered',
    }
    this.#entries.push(entry)
    return entry
  }

  #send(type: ExtensionEventType, event: object): readonly Wake[] {
    const wakes: Wake[] = []
    for (const entry of this.#entries) {
      if (!entry.events.includes(type) || entry.state === 'failed' || entry.state === 'exited') continue
      const response = json(200, event, { 'Lambda-Extension-Event-Identifier': this.#newId() })
      if (entry.state === 'waiting') wakes.push({ extension: entry, response })
      else entry.pending = response
      entry.state = 'busy'
    }
    return wakes
  }

  /** The connection of a parked `next` is gone: what was to be its answer waits for the next one. */
  undelivered({ extension, response }: Wake): void {
    const entry = this.#entries.find(({ id }) => id === extension.id)
    if (entry) entry.pending = response
  }
}

/** The events of a registration; undefined for what is no registration. */
function eventsOf(body: Buffer): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    const events = typeof value === 'object' && value !== null && 'events' in value ? value.events : []
    return Array.isArray(events) && events.every((event) => typeof event === 'string') ? events : undefined
  } catch {
    // What a program in a sandbox posts may be anything.
    return undefined
  }
}
