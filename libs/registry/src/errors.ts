import { type AwsError, awsError, err, type Result } from '@weft/contracts'

/** Texts of AWS, word for word: tools match on them. */
export const invalidParameter = (message: string): Result<never, AwsError> =>
  err(awsError('InvalidParameterValueException', message))

export const conflict = (message: string): Result<never, AwsError> =>
  err(awsError('ResourceConflictException', message))

export const notFound = (message: string): Result<never, AwsError> =>
  err(awsError('ResourceNotFoundException', message))

export const functionNotFound = (arn: string): Result<never, AwsError> => notFound(`Function not found: ${arn}`)

export const functionExists = (name: string): Result<never, AwsError> => conflict(`Function already exist: ${name}`)

export const updateInProgress = (arn: string): Result<never, AwsError> =>
  conflict(`The operation cannot be performed at this time. An update is in progress for resource: ${arn}`)

export const staleRevision: AwsError = awsError(
  'PreconditionFailedException',
  'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
)

/** A feature of AWS that this fabric does not have is refused by name, never ignored. */
export const notServed = (member: string): Result<never, AwsError> =>
  invalidParameter(`${member} is not served by this fabric.`)
