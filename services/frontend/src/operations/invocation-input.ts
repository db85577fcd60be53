import { utf8Text } from '@weft/aws'
import { type AwsError, awsError, err, limits, ok, type ResolvedFunction, type Result } from '@weft/contracts'
import type { InvokeInput } from './context.ts'

const emptyObject = Buffer.from('{}')

export const payloadLimit = (type: InvokeInput['invocationType']): number =>
  type === 'Event' ? limits.asyncPayloadBytes : limits.syncPayloadBytes

export const payloadTooLarge = (sizeBytes: number, type: InvokeInput['invocationType']): AwsError =>
  awsError(
    'RequestEntityTooLargeException',
    `${sizeBytes} byte payload is too large for the ${type} invocation type (limit ${payloadLimit(type)} bytes)`,
  )

const invalidContent = (message: string): Result<never, AwsError> =>
  err(awsError('InvalidRequestContentException', message))

/** The payload as the function gets it. Errors: InvalidRequestContentException, RequestEntityTooLargeException. */
export function checkPayload(payload: Uint8Array, type: InvokeInput['invocationType']): Result<Uint8Array, AwsError> {
  if (payload.byteLength > payloadLimit(type)) return err(payloadTooLarge(payload.byteLength, type))
  if (payload.byteLength === 0) return ok(emptyObject)
  const text = utf8Text(payload)
  if (text === undefined) return invalidContent('Could not parse request body into json: the body is not UTF-8')
  try {
    JSON.parse(text)
    return ok(payload)
  } catch (error) {
    return invalidContent(`Could not parse request body into json: ${(error as SyntaxError).message}`)
  }
}

/** Base64 of a JSON object; up to 3,583 bytes. */
export function checkClientContext(context: string | undefined): AwsError | undefined {
  if (context === undefined) return undefined
  const refuse = (text: string): AwsError => awsError('InvalidRequestContentException', text)
  if (Buffer.byteLength(context) > limits.clientContextBytes)
    return refuse(`Client context must be no more than ${limits.clientContextBytes} bytes.`)
  const text = /^[A-Za-z0-9+/]+={0,2}$/.test(context) ? utf8Text(Buffer.from(context, 'base64')) : undefined
  try {
    const value: unknown = JSON.parse(text ?? '')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return undefined
  } catch {
    // Refused below like any other value that is no object.
  }
  return refuse('Client context must be a valid Base64-encoded JSON object.')
}

/** A header that does not look like `Root=…;Parent=…` is dropped: it is the caller's to send and nobody's to believe. */
export const cleanTraceHeader = (header: string | undefined): string | undefined =>
  header !== undefined && /^[A-Za-z0-9=;:_./|-]{1,512}$/.test(header) ? header : undefined

/** Errors: ResourceConflict, KMSNotFound and KMSAccessDenied when the environment variables could not be opened. */
export function checkState({ version }: ResolvedFunction): AwsError | undefined {
  const { state, environmentError } = version
  if (environmentError) return awsError(environmentError.code, environmentError.message)
  if (state === 'Active') return undefined
  return awsError(
    'ResourceConflictException',
    `The operation cannot be performed at this time. The function is currently in the following state: ${version.state}`,
  )
}
