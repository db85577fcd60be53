/** Subscriptions of the Telemetry API (2022-07-01) and of the Logs API (2020-08-15) that came before it. */
import { err, ok, type Result } from '@weft/contracts'

export type TelemetryType = 'platform' | 'function' | 'extension'

export interface TelemetrySubscription {
  readonly api: 'telemetry' | 'logs'
  readonly schemaVersion: string
  readonly types: readonly TelemetryType[]
  readonly buffering: Buffering
  readonly destination: Destination
}

/** A batch goes out when one of these is reached. */
export interface Buffering {
  readonly maxItems: number
  readonly maxBytes: number
  readonly timeoutMs: number
}

/** Always inside the sandbox itself. */
export type Destination =
  | { readonly protocol: 'HTTP'; readonly port: number; readonly path: string; readonly method: 'POST' | 'PUT' }
  | { readonly protocol: 'TCP'; readonly port: number }

const schemaVersions = {
  telemetry: ['2022-07-01', '2022-12-13', '2025-01-29'],
  logs: ['2020-08-15', '2021-03-18'],
} as const

/** [least, most, default], as the developer guide gives them. */
const bufferingRanges = {
  maxItems: [1_000, 10_000, 10_000],
  maxBytes: [262_144, 1_048_576, 262_144],
  timeoutMs: [25, 30_000, 1_000],
} as const

/** Names by which a destination may call its own sandbox. */
const ownNames = ['sandbox.localdomain', 'sandbox']
/** The Runtime API's own port, and the one that leads to the fabric. */
const takenPorts = [9001, 9002]

/** What a body asks for; the error is a sentence for the extension. */
export function parseSubscription(api: 'telemetry' | 'logs', body: Buffer): Result<TelemetrySubscription, string> {
  const request = objectOf(body)
  if (!request) return err('the body is no JSON object')
  const versions: readonly string[] = schemaVersions[api]
  const schemaVersion = request.schemaVersion ?? (api === 'logs' ? versions[0] : undefined)
  if (typeof schemaVersion !== 'string' || !versions.includes(schemaVersion))
    return err(`schemaVersion must be one of ${versions.join(', ')}`)
  const { types } = request
  if (!Array.isArray(types) || types.length === 0 || !types.every(isType))
    return err('types must name platform, function or extension')
  const buffering = bufferingOf(request.buffering)
  if (typeof buffering === 'string') return err(buffering)
  const destination = destinationOf(request.destination)
  if (typeof destination === 'string') return err(destination)
  return ok({ api, schemaVersion, types: [...new Set(types)], buffering, destination })
}

const isType = (value: unknown): value is TelemetryType =>
  value === 'platform' || value === 'function' || value === 'extension'

function bufferingOf(value: unknown): Buffering | string {
  if (value !== undefined && !isObject(value)) return 'buffering must be an object'
  const given = (value ?? {}) as Readonly<Record<string, unknown>>
  const chosen: Record<string, number> = {}
  for (const [name, [least, most, usual]] of Object.entries(bufferingRanges)) {
    const wanted = given[name] ?? usual
    if (typeof wanted !== 'number' || !Number.isInteger(wanted) || wanted < least || wanted > most)
      return `buffering.${name} must be a whole number from ${least} to ${most}`
    chosen[name] = wanted
  }
  return chosen as unknown as Buffering
}

function destinationOf(value: unknown): Destination | string {
  if (!isObject(value)) return 'destination must be an object'
  const { protocol, URI: uri, port, method = 'POST' } = value
  if (protocol === 'TCP') {
    if (!isPort(port)) return 'destination.port must be a port of the extension'
    return { protocol, port }
  }
  if (protocol !== 'HTTP') return 'destination.protocol must be HTTP or TCP'
  if (method !== 'POST' && method !== 'PUT') return 'destination.method must be POST or PUT'
  const url = typeof uri === 'string' && URL.canParse(uri) ? new URL(uri) : undefined
  if (url?.protocol !== 'http:' || !ownNames.includes(url.hostname))
    return 'destination.URI must be of the form http://sandbox.localdomain:PORT/PATH'
  const at = url.port === '' ? 80 : Number(url.port)
  if (!isPort(at)) return 'destination.URI must name a port of the extension'
  return { protocol, port: at, path: `${url.pathname}${url.search}`, method }
}

const isPort = (port: unknown): port is number =>
  typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536 && !takenPorts.includes(port)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function objectOf(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    // What a program in a sandbox sends may be anything.
    return undefined
  }
}
