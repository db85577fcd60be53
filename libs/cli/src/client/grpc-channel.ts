import { getCACertificates } from 'node:tls'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'

export interface GrpcTarget {
  /** `host:port`. */
  readonly address: string
  readonly channel: ChannelCredentials
}

/** How a door that is written `host:port`, or `https://host:port` where it has a certificate, is reached. */
export function grpcTarget(door: string): GrpcTarget {
  if (!door.startsWith('https://')) return { address: door, channel: credentials.createInsecure() }
  // Authorities that NODE_EXTRA_CA_CERTS names are trusted beside those that Node brings; by itself gRPC knows only these.
  const authorities = Buffer.from(getCACertificates('default').join('\n'))
  return { address: door.slice('https://'.length), channel: credentials.createSsl(authorities) }
}
