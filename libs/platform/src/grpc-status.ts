import { Metadata, type StatusObject } from '@grpc/grpc-js'
import { type AwsError, awsErrors } from '@weft/contracts'

/** How an AWS refusal ends a unary call: gRPC status, message, and what AWS would have said as trailing metadata. */
export function grpcStatusOf(error: AwsError, requestId: string): StatusObject {
  const row = awsErrors[error.code]
  const metadata = new Metadata()
  metadata.set('weft-error-code', error.code)
  metadata.set('weft-http-status', String(row.http))
  metadata.set('weft-request-id', requestId)
  if (error.reason !== undefined) metadata.set('weft-error-reason', error.reason)
  if (error.retryAfterSeconds !== undefined) metadata.set('retry-after', String(error.retryAfterSeconds))
  return { code: row.grpc, details: error.message, metadata }
}
