import { BinaryReader } from '@bufbuild/protobuf/wire'
import { status } from '@grpc/grpc-js'
import { awsError } from '@weft/contracts'
import { expect, it } from 'vitest'
import { grpcStatusOf } from './grpc-status.ts'

/** The fields of a message as bytes or numbers, by number. */
function fieldsOf(bytes: Uint8Array): Map<number, (Uint8Array | number)[]> {
  const reader = new BinaryReader(bytes)
  const fields = new Map<number, (Uint8Array | number)[]>()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    const value = type === 2 ? reader.bytes() : reader.int32()
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}
const text = (value: Uint8Array | number | undefined): string => Buffer.from(value as Uint8Array).toString()

it('tells a refusal as gRPC libraries read it, and as AWS would have told it', () => {
  const error = awsError('TooManyRequestsException', 'Rate Exceeded.', {
    reason: 'CallerRateLimitExceeded',
    retryAfterSeconds: 7,
  })
  const told = grpcStatusOf(error, 'an-id')
  expect(told).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'Rate Exceeded.' })
  expect(told.metadata.getMap()).toMatchObject({
    'weft-error-code': 'TooManyRequestsException',
    'weft-http-status': '429',
    'weft-request-id': 'an-id',
    'weft-error-reason': 'CallerRateLimitExceeded',
    'retry-after': '7',
  })
  const message = fieldsOf(told.metadata.get('grpc-status-details-bin')[0] as Buffer)
  expect(message.get(1)).toEqual([status.RESOURCE_EXHAUSTED])
  expect(text(message.get(2)?.[0])).toBe('Rate Exceeded.')
  const details = new Map(
    (message.get(3) ?? []).map((any) => {
      const fields = fieldsOf(any as Uint8Array)
      return [text(fields.get(1)?.[0]), fieldsOf(fields.get(2)?.[0] as Uint8Array)]
    }),
  )
  const type = (name: string) => details.get(`type.googleapis.com/google.rpc.${name}`)
  expect(text(type('ErrorInfo')?.get(1)?.[0])).toBe('TooManyRequestsException')
  expect(
    type('ErrorInfo')
      ?.get(3)
      ?.map((entry) => [...fieldsOf(entry as Uint8Array).values()].flat().map(text)),
  ).toEqual([
    ['httpStatus', '429'],
    ['reason', 'CallerRateLimitExceeded'],
  ])
  expect(text(type('RequestInfo')?.get(1)?.[0])).toBe('an-id')
  expect(fieldsOf(type('RetryInfo')?.get(1)?.[0] as Uint8Array).get(1)).toEqual([7])
})

it('says nothing of waiting where waiting does not help', () => {
  const { metadata } = grpcStatusOf(awsError('ResourceNotFoundException', 'gone'), 'an-id')
  expect(Buffer.from(metadata.get('grpc-status-details-bin')[0] as Buffer).toString('latin1')).not.toContain(
    'RetryInfo',
  )
  expect(metadata.get('retry-after')).toEqual([])
})
