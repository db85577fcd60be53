import { awsError } from '@weft/contracts'
import { expect, it } from 'vitest'
import { encodeError, encodeResponse } from './encode.ts'

it('binds an invocation to status, headers and raw body', () => {
  const payload = Buffer.from('"hi"')
  expect(encodeResponse('Invoke', { StatusCode: 200, Payload: payload, ExecutedVersion: '$LATEST' }, 'id')).toEqual({
    status: 200,
    headers: { 'x-amzn-RequestId': 'id', 'X-Amz-Executed-Version': '$LATEST', 'content-type': 'application/json' },
    body: payload,
  })
})

it('writes the other members as JSON, undefined ones not at all', () => {
  const wire = encodeResponse('CreateFunction', { FunctionName: 'f', Runtime: undefined, Timeout: 3 }, 'id')
  expect(wire).toMatchObject({ status: 201, body: '{"FunctionName":"f","Timeout":3}' })
  expect(encodeResponse('DeleteFunction', {}, 'id')).toMatchObject({ status: 204, body: '' })
})

it('follows the case of the message member, the fault and the extras of each code', () => {
  expect(encodeError(awsError('ResourceNotFoundException', 'gone'), 'id')).toMatchObject({
    status: 404,
    headers: { 'x-amzn-ErrorType': 'ResourceNotFoundException', 'x-amzn-RequestId': 'id' },
    body: '{"Type":"User","Message":"gone"}',
  })
  const throttled = awsError('TooManyRequestsException', 'Rate Exceeded.', {
    reason: 'ConcurrentInvocationLimitExceeded',
    retryAfterSeconds: 0.3,
  })
  expect(encodeError(throttled, 'id')).toMatchObject({
    status: 429,
    headers: { 'Retry-After': '1' },
    body: '{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
  })
  expect(encodeError(awsError('ValidationException', 'bad'), 'id').body).toBe('{"message":"bad"}')
  expect(encodeError(awsError('ServiceException', 'oh'), 'id').body).toBe('{"Type":"Service","Message":"oh"}')
})
