import { err, type Result } from '@weft/contracts'

/** IAM's own codes with their HTTP status. IAM API reference, "Common errors" and those of each operation. */
export const iamErrors = {
  NoSuchEntity: 404,
  EntityAlreadyExists: 409,
  DeleteConflict: 409,
  LimitExceeded: 409,
  ConcurrentModification: 409,
  MalformedPolicyDocument: 400,
  ValidationError: 400,
  InvalidInput: 400,
  UnmodifiableEntity: 400,
  InvalidClientTokenId: 403,
} as const

export type IamErrorCode = keyof typeof iamErrors

export interface IamError {
  readonly code: IamErrorCode
  readonly message: string
}

export const iamError = (code: IamErrorCode, message: string): Result<never, IamError> => err({ code, message })

const titles = { role: 'Role', user: 'User', group: 'Group', policy: 'Policy' } as const

export const noSuchIdentity = (kind: keyof typeof titles, name: string): Result<never, IamError> =>
  iamError('NoSuchEntity', `The ${kind} with name ${name} cannot be found.`)

export const noSuchPolicyArn = (arn: string): Result<never, IamError> =>
  iamError('NoSuchEntity', `Policy ${arn} was not found.`)

export const identityExists = (kind: 'role' | 'user' | 'group', name: string): Result<never, IamError> =>
  iamError('EntityAlreadyExists', `${titles[kind]} with name ${name} already exists.`)

export const malformed = (message: string): Result<never, IamError> => iamError('MalformedPolicyDocument', message)
