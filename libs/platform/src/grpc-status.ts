import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { Metadata, type StatusObject } from '@grpc/grpc-js'
import { type AwsError, awsErrors } from '@weft/contracts'

/**
 * How an AWS refusal ends a unary call: gRPC status, message, and what AWS would have said as trailing metadata, once as
 * plain values and once as the details that gRPC libraries read (google.rpc.Status).
 */
export function grpcStatusOf(error: AwsError, requestId: string): StatusObject {
  const row = awsErrors[error.code]
  const metadata = new Metadata()
  metadata.set('weft-error-code', error.code)
  metadata.set('weft-http-status', String(row.http))
  metadata.set('weft-request-id', requestId)
  if (error.reason !== undefined) metadata.set('weft-error-reason', error.reason)
  if (error.retryAfterSeconds !== undefined) metadata.set('retry-after', String(error.retryAfterSeconds))
  metadata.set('grpc-status-details-bin', statusDetails(row.grpc, row.http, error, requestId))
  return { code: row.grpc, details: error.message, metadata }
}

/** A google.rpc.Status with ErrorInfo, RequestInfo and, where waiting helps, RetryInfo. */
function statusDetails(code: number, http: number, error: AwsError, requestId: string): Buffer {
  const status = new BinaryWriter().uint32(8).int32(code).uint32(18).string(error.message)
  const detail = (type: string, value: Uint8Array): void => {
    const any = new BinaryWriter().uint32(10).string(`type.googleapis.com/google.rpc.${type}`).uint32(18).bytes(value)
    status.uint32(26).bytes(any.finish())
  }
  const info = new BinaryWriter().uint32(10).string(error.code).uint32(18).string('lambda.amazonaws.com')
  const facts = { httpStatus: String(http), ...(error.reason !== undefined && { reason: error.reason }) }
  for (const [key, value] of Object.entries(facts))
    info.uint32(26).bytes(new BinaryWriter().uint32(10).string(key).uint32(18).string(value).finish())
  detail('ErrorInfo', info.finish())
  detail('RequestInfo', new BinaryWriter().uint32(10).string(requestId).finish())
  if (error.retryAfterSeconds !== undefined) {
    const delay = new BinaryWriter().uint32(8).int64(error.retryAfterSeconds)
    detail('RetryInfo', new BinaryWriter().uint32(10).bytes(delay.finish()).finish())
  }
  return Buffer.from(status.finish())
}
