import { err, ok, type Result } from '@weft/contracts'
import type { GrpcDoorConfig } from './doors/grpc/server.ts'

/** The gRPC door's certificate, if there is one; certificate and key come together. */
export function tlsOf(config: {
  readonly grpcTlsCert: string | undefined
  readonly grpcTlsKey: string | undefined
  readonly grpcTlsClientCa: string | undefined
}): Result<GrpcDoorConfig['tls'], string> {
  const { grpcTlsCert: cert, grpcTlsKey: key, grpcTlsClientCa: clientCa } = config
  if (cert !== undefined && key !== undefined) return ok({ cert, key, ...(clientCa !== undefined && { clientCa }) })
  if (cert !== undefined || key !== undefined)
    return err('WEFT_GRPC_TLS_CERT_FILE and WEFT_GRPC_TLS_KEY_FILE must be set together')
  if (clientCa !== undefined) return err('WEFT_GRPC_TLS_CLIENT_CA_FILE needs WEFT_GRPC_TLS_CERT_FILE')
  return ok(undefined)
}
