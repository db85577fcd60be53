/**
 * The error table: HTTP status, the case of the message member, whose fault, and the gRPC status. Source: the botocore
 * model of Lambda and recorded answers; a test in libs/aws holds it against the API model.
 */
import { status } from '@grpc/grpc-js'

interface ErrorRow {
  readonly http: number
  readonly messageKey: 'message' | 'Message'
  readonly fault: 'User' | 'Service'
  readonly grpc: number
}

const row = (
  http: number,
  messageKey: 'message' | 'Message',
  grpc: number,
  fault: 'User' | 'Service' = 'User',
): ErrorRow => ({
  http,
  messageKey,
  fault,
  grpc,
})

export const awsErrors = {
  ValidationException: row(400, 'message', status.INVALID_ARGUMENT),
  SerializationException: row(400, 'Message', status.INVALID_ARGUMENT),
  InvalidParameterValueException: row(400, 'message', status.INVALID_ARGUMENT),
  InvalidRequestContentException: row(400, 'message', status.INVALID_ARGUMENT),
  CodeStorageExceededException: row(400, 'message', status.RESOURCE_EXHAUSTED),
  PolicyLengthExceededException: row(400, 'message', status.RESOURCE_EXHAUSTED),
  RecursiveInvocationException: row(400, 'Message', status.FAILED_PRECONDITION),
  UnrecognizedClientException: row(403, 'message', status.UNAUTHENTICATED),
  InvalidSignatureException: row(403, 'message', status.UNAUTHENTICATED),
  MissingAuthenticationTokenException: row(403, 'message', status.UNAUTHENTICATED),
  IncompleteSignatureException: row(403, 'message', status.UNAUTHENTICATED),
  ExpiredTokenException: row(403, 'message', status.UNAUTHENTICATED),
  AccessDeniedException: row(403, 'Message', status.PERMISSION_DENIED),
  UnknownOperationException: row(404, 'message', status.UNIMPLEMENTED),
  ResourceNotFoundException: row(404, 'Message', status.NOT_FOUND),
  ProvisionedConcurrencyConfigNotFoundException: row(404, 'message', status.NOT_FOUND),
  CodeSigningConfigNotFoundException: row(404, 'Message', status.NOT_FOUND),
  CodeVerificationFailedException: row(400, 'Message', status.FAILED_PRECONDITION),
  InvalidCodeSignatureException: row(400, 'Message', status.INVALID_ARGUMENT),
  ResourceConflictException: row(409, 'message', status.ALREADY_EXISTS),
  SnapStartException: row(400, 'Message', status.FAILED_PRECONDITION),
  SnapStartNotReadyException: row(409, 'Message', status.UNAVAILABLE),
  SnapStartTimeoutException: row(408, 'Message', status.DEADLINE_EXCEEDED),
  ResourceInUseException: row(400, 'Message', status.FAILED_PRECONDITION),
  PreconditionFailedException: row(412, 'message', status.FAILED_PRECONDITION),
  RequestEntityTooLargeException: row(413, 'message', status.OUT_OF_RANGE),
  RequestTooLargeException: row(413, 'message', status.OUT_OF_RANGE),
  UnsupportedMediaTypeException: row(415, 'message', status.INVALID_ARGUMENT),
  TooManyRequestsException: row(429, 'message', status.RESOURCE_EXHAUSTED),
  ServiceException: row(500, 'Message', status.INTERNAL, 'Service'),
  ServiceUnavailableException: row(503, 'Message', status.UNAVAILABLE, 'Service'),
  EC2ThrottledException: row(502, 'Message', status.UNAVAILABLE, 'Service'),
  KMSAccessDeniedException: row(502, 'Message', status.FAILED_PRECONDITION, 'Service'),
  KMSNotFoundException: row(502, 'Message', status.FAILED_PRECONDITION, 'Service'),
  InvalidRuntimeException: row(502, 'Message', status.INTERNAL, 'Service'),
  InvalidZipFileException: row(502, 'Message', status.INTERNAL, 'Service'),
  ResourceNotReadyException: row(502, 'message', status.UNAVAILABLE, 'Service'),
  NotImplementedException: row(501, 'message', status.UNIMPLEMENTED, 'Service'),
} as const satisfies Record<string, ErrorRow>

export type AwsErrorCode = keyof typeof awsErrors

/** A refusal, ready for any door. */
export interface AwsError {
  readonly code: AwsErrorCode
  readonly message: string
  /** Throttle reason and the like; member `Reason`. */
  readonly reason?: string
  /** Seconds; header Retry-After. */
  readonly retryAfterSeconds?: number
  /** AWS leaves the member `Type` out of the body of a few refusals. */
  readonly untyped?: true
}

export const awsError = (
  code: AwsErrorCode,
  message: string,
  extra?: Omit<AwsError, 'code' | 'message'>,
): AwsError => ({
  code,
  message,
  ...extra,
})
