import { err, ok, type Result } from './result.ts'

/** How a client reaches a fabric: the content of `connection.json` in the data directory. */
export interface FabricConnection {
  /** Base URL of the HTTP door, for example `http://127.0.0.1:9000`; every AWS service answers there. */
  readonly http: string
  /** `host:port` of the gRPC door. */
  readonly grpc: string
  /** NATS URL, `nats://host:port`. */
  readonly nats: string
  readonly region: string
  readonly accountId: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Path of the account's `.creds` file; a relative one is relative to the folder of `connection.json`. */
  readonly natsCreds: string
}

const fields = [
  'http',
  'grpc',
  'nats',
  'region',
  'accountId',
  'accessKeyId',
  'secretAccessKey',
  'natsCreds',
] as const satisfies readonly (keyof FabricConnection)[]

/** Reads the text of `connection.json`; the error says what is wrong with it. Unknown members are ignored. */
export function parseConnection(text: string): Result<FabricConnection, string> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return err('is not JSON')
  }
  if (typeof value !== 'object' || value === null) return err('is not a JSON object')
  const entries: [string, string][] = []
  for (const field of fields) {
    const member: unknown = (value as Record<string, unknown>)[field]
    if (typeof member !== 'string' || member === '') return err(`has no ${field}`)
    entries.push([field, member])
  }
  return ok(Object.fromEntries(entries) as unknown as FabricConnection)
}
