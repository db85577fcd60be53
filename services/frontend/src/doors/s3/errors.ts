import type { AwsError } from '@weft/contracts'
import type { DoorHead, DoorResponse } from '../door.ts'
import { xmlDocument } from './xml.ts'

/** S3's own codes, with HTTP status and text. S3 API reference, "Error responses". */
export const s3Errors = {
  AccessDenied: [403, 'Access Denied'],
  AuthorizationHeaderMalformed: [400, 'The authorization header that you provided is not valid.'],
  BadDigest: [400, 'The checksum you specified did not match what we received.'],
  BucketAlreadyOwnedByYou: [409, 'Your previous request to create the named bucket succeeded and you already own it.'],
  BucketNotEmpty: [409, 'The bucket you tried to delete is not empty.'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed size'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed object size.'],
  ExpiredToken: [400, 'The provided token has expired.'],
  IllegalVersioningConfigurationException: [400, 'The versioning element must be specified'],
  IncompleteBody: [400, 'You did not provide the number of bytes specified by the Content-Length HTTP header.'],
  InternalError: [500, 'An internal error occurred. Try again.'],
  InvalidAccessKeyId: [403, 'The AWS access key ID that you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid argument.'],
  InvalidBucketName: [400, 'The specified bucket is not valid.'],
  InvalidDigest: [400, 'The Content-MD5 or checksum value that you specified is not valid.'],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag.",
  ],
  InvalidPartOrder: [
    400,
    'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
  ],
  InvalidRange: [416, 'The requested range is not satisfiable.'],
  InvalidRequest: [400, 'Invalid request.'],
  InvalidURI: [400, 'The specified URI could not be parsed.'],
  KeyTooLongError: [400, 'Your key is too long.'],
  MalformedXML: [400, 'The XML you provided was not well-formed or did not validate against our published schema'],
  MetadataTooLarge: [400, 'Your metadata headers exceed the maximum allowed metadata size.'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  NoSuchBucket: [404, 'The specified bucket does not exist.'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchVersion: [404, 'The specified version does not exist.'],
  NoSuchUpload: [
    404,
    'The specified multipart upload does not exist. The upload ID might be invalid, or the multipart upload might have been aborted or completed.',
  ],
  NotImplemented: [501, 'A header or query you provided implies functionality that is not implemented.'],
  OperationAborted: [
    409,
    'A conflicting conditional operation is currently in progress against this resource. Try again.',
  ],
  QuotaExceeded: [403, 'The objects of the account would exceed the storage that it may have.'],
  PreconditionFailed: [412, 'At least one of the preconditions you specified did not hold.'],
  ServiceUnavailable: [503, 'Service is unable to handle request.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature that the server calculated does not match the signature that you provided.',
  ],
} as const satisfies Record<string, readonly [number, string]>

export type S3ErrorCode = keyof typeof s3Errors

export interface S3Error {
  readonly code: S3ErrorCode
  /** Instead of the code's own text. */
  readonly message?: string
  /** Beside those of every refusal. */
  readonly headers?: Readonly<Record<string, string>>
}

export const s3Error = (code: S3ErrorCode, message?: string): S3Error => ({
  code,
  ...(message !== undefined && { message }),
})

/** A HEAD has no body: its status must tell all. */
export function errorResponse(error: S3Error, head: DoorHead): DoorResponse {
  const [status, text] = s3Errors[error.code]
  const message = error.message ?? text
  const body = xmlDocument('Error', {
    Code: error.code,
    Message: message,
    Resource: head.rawPath,
    RequestId: head.requestId,
  })
  return {
    status,
    headers: { ...error.headers, 'content-type': 'application/xml', 'x-amz-request-id': head.requestId },
    body: head.method === 'HEAD' ? '' : body,
  }
}

const codes: Partial<Record<AwsError['code'], S3ErrorCode>> = {
  InvalidSignatureException: 'SignatureDoesNotMatch',
  UnrecognizedClientException: 'InvalidAccessKeyId',
  MissingAuthenticationTokenException: 'AccessDenied',
  AccessDeniedException: 'AccessDenied',
  IncompleteSignatureException: 'AuthorizationHeaderMalformed',
  ExpiredTokenException: 'ExpiredToken',
  RequestEntityTooLargeException: 'EntityTooLarge',
  RequestTooLargeException: 'EntityTooLarge',
  ServiceUnavailableException: 'ServiceUnavailable',
}

/** A refusal of the HTTP door in S3's words. */
export function fromAwsError(error: AwsError): S3Error {
  const code = codes[error.code]
  if (code) return s3Error(code, error.message)
  return error.code.startsWith('Service') ? s3Error('InternalError') : s3Error('InvalidRequest', error.message)
}
