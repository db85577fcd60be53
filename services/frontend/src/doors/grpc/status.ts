import { type AwsError, awsErrors } from '@weft/contracts'
import type { Error as ErrorMessage } from '@weft/contracts/api/invoke'

/** How an AWS refusal is told on a stream that goes on. */
export const errorMessageOf = (error: AwsError, requestId: string): ErrorMessage => ({
  code: error.code,
  message: error.message,
  httpStatus: awsErrors[error.code].http,
  reason: error.reason ?? '',
  requestId,
})
