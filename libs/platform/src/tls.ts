import { err, ok, type Result } from '@weft/contracts'

/** An operator's certificate for a door: PEM texts. With `clientCa` every client must prove a certificate of that authority. */
export interface TlsIdentity {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string
}

/**
 * What settings say of a door's certificate; undefined: none. Certificate and key come together. `prefix` begins the names
 * of the settings, for the error: `WEFT_GRPC_TLS`.
 */
export function tlsOf(
  prefix: string,
  given: {
    readonly cert?: string | undefined
    readonly key?: string | undefined
    readonly clientCa?: string | undefined
  },
): Result<TlsIdentity | undefined, string> {
  const { cert, key, clientCa } = given
  if (cert !== undefined && key !== undefined) return ok({ cert, key, ...(clientCa !== undefined && { clientCa }) })
  if (cert !== undefined || key !== undefined)
    return err(`${prefix}_CERT_FILE and ${prefix}_KEY_FILE must be set together`)
  if (clientCa !== undefined) return err(`${prefix}_CLIENT_CA_FILE needs ${prefix}_CERT_FILE`)
  return ok(undefined)
}
