import { err, headers, ok, type Result } from '@weft/contracts'
import type { EndCondition, QueuedEvent, RunResponse, SettledTarget } from './event.ts'

/** An answer whose payload is the last `payloadBytes` of the message's. */
type DetachedResponse = Omit<RunResponse, 'payload'> & { readonly payloadBytes: number }

export interface DecodedEnding {
  readonly ending?: EndCondition
  readonly response?: DetachedResponse
  readonly settledTargets?: readonly SettledTarget[]
}

/** Headers of an event that ended and whose dead letter or destination is still to be delivered; none of another. */
export function encodeEnding({ ending, response, settledTargets }: QueuedEvent): Record<string, string> {
  if (!ending) return {}
  return {
    [headers.ending]: ending,
    ...(response && {
      [headers.response]: toHeader({
        statusCode: response.statusCode,
        executedVersion: response.executedVersion,
        functionError: response.functionError,
        payloadBytes: response.payload.length,
      }),
    }),
    ...(settledTargets && { [headers.settledTargets]: toHeader(settledTargets) }),
  }
}

/** The error is the name of a header that cannot be read. */
export function decodeEnding(
  header: (name: string) => string | undefined,
  messageBytes: number,
): Result<DecodedEnding, string> {
  const ending = header(headers.ending)
  if (ending === undefined) return ok({})
  if (!Object.hasOwn(conditions, ending)) return err(headers.ending)
  const response = fromHeader(header(headers.response), (value) => isResponse(value, messageBytes))
  if (!response.ok) return err(headers.response)
  const settledTargets = fromHeader(header(headers.settledTargets), isSettled)
  if (!settledTargets.ok) return err(headers.settledTargets)
  return ok({
    ending: ending as EndCondition,
    ...(response.value && { response: response.value }),
    ...(settledTargets.value && { settledTargets: settledTargets.value }),
  })
}

const toHeader = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')

function fromHeader<T>(text: string | undefined, is: (value: unknown) => value is T): Result<T | undefined, 'bad'> {
  if (text === undefined) return ok(undefined)
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64').toString())
    return is(value) ? ok(value) : err('bad')
  } catch {
    return err('bad')
  }
}

function isResponse(value: unknown, messageBytes: number): value is DetachedResponse {
  const { statusCode, executedVersion, functionError, payloadBytes } = (value ?? {}) as Partial<DetachedResponse>
  return (
    typeof statusCode === 'number' &&
    typeof executedVersion === 'string' &&
    (functionError === undefined || typeof functionError === 'string') &&
    typeof payloadBytes === 'number' &&
    payloadBytes >= 0 &&
    payloadBytes <= messageBytes
  )
}

const isSettled = (value: unknown): value is readonly SettledTarget[] =>
  Array.isArray(value) &&
  value.every(
    ({ role, error }: Partial<SettledTarget>) =>
      (role === 'dead-letter' || role === 'destination') && (error === undefined || typeof error === 'string'),
  )

const conditions: Readonly<Record<EndCondition, true>> = {
  Success: true,
  Cancelled: true,
  RetriesExhausted: true,
  EventAgeExceeded: true,
  ZeroReservedConcurrency: true,
  FunctionNotFound: true,
  MalformedEvent: true,
  ChecksumMismatch: true,
  RecursiveInvocation: true,
}
