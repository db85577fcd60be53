import { err, ok, type Result } from './result.ts'

/** How a client reaches a fabric: the content of `connection.json` in the data directory. */
export interface FabricConnection {
  /** Base URL of the HTTP door, for example `http://127.0.0.1:9000`; every AWS service answers there. */
  readonly http: string
  /** `host:port` of the gRPC door; `https://host:port` where that has a certificate. */
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

/** How an administrator reaches a fabric: the content of `admin.json`, which nobody else may read. */
export interface AdminConnection {
  /** `host:port` of the administration's gRPC door; `https://host:port` where that has a certificate. */
  readonly admin: string
  /** Opens that door and no other. */
  readonly token: string
  /** The public doors, as in `connection.json`; for accounts that are created. */
  readonly http: string
  readonly grpc: string
  readonly nats: string
  readonly region: string
}

/** Reads the text of `connection.json`; the error says what is wrong with it. Unknown members are ignored. */
export const parseConnection = (text: string): Result<FabricConnection, string> =>
  parseTexts(text, ['http', 'grpc', 'nats', 'region', 'accountId', 'accessKeyId', 'secretAccessKey', 'natsCreds'])

/** The same for `admin.json`. */
export const parseAdminConnection = (text: string): Result<AdminConnection, string> =>
  parseTexts(text, ['admin', 'token', 'http', 'grpc', 'nats', 'region'])

/** A JSON object that has all these members, none of them an empty text. */
function parseTexts<Field extends string>(
  text: string,
  fields: readonly Field[],
): Result<Readonly<Record<Field, string>>, string> {
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
  return ok(Object.fromEntries(entries) as Record<Field, string>)
}
