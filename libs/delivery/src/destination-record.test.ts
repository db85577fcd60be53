import { describe, expect, it } from 'vitest'
import { destinationRecord } from './destination-record.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (record: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(record))
const functionArn = 'arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST'
const event = { requestId: 'e4b46cbf-b738-xmpl-8880-a18cdf61200e', payload: bytes('{"ORDER_IDS":["9e07af03"]}') }

describe('the record of an invocation', () => {
  it('is as the developer guide shows it for a failure', () => {
    const record = destinationRecord(
      {
        event,
        functionArn,
        ending: { condition: 'RetriesExhausted', runs: 3 },
        response: {
          statusCode: 200,
          executedVersion: '$LATEST',
          functionError: 'Unhandled',
          payload: bytes('{"errorMessage":"Process exited before completing request"}'),
        },
      },
      Date.UTC(2019, 10, 14, 18, 16, 5, 568),
    )
    const expected = {
      version: '1.0',
      timestamp: '2019-11-14T18:16:05.568Z',
      requestContext: {
        requestId: 'e4b46cbf-b738-xmpl-8880-a18cdf61200e',
        functionArn,
        condition: 'RetriesExhausted',
        approximateInvokeCount: 3,
      },
      requestPayload: { ORDER_IDS: ['9e07af03'] },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: { errorMessage: 'Process exited before completing request' },
    }
    expect(new TextDecoder().decode(record)).toBe(JSON.stringify(expected))
  })

  it('has no response where nothing ran', () => {
    const record = read(
      destinationRecord({ event, functionArn, ending: { condition: 'EventAgeExceeded', runs: 0 } }, 0),
    )
    expect(Object.keys(record as object)).toEqual(['version', 'timestamp', 'requestContext', 'requestPayload'])
  })

  it('keeps numbers as they were written and makes a string of an answer that is no JSON', () => {
    const record = destinationRecord(
      {
        event: { ...event, payload: bytes('12345678901234567890') },
        functionArn,
        ending: { condition: 'Success', runs: 1 },
        response: { statusCode: 200, executedVersion: '1', payload: bytes('plain "text"') },
      },
      0,
    )
    expect(new TextDecoder().decode(record)).toContain('"requestPayload":12345678901234567890,')
    expect(read(record)).toMatchObject({ responsePayload: 'plain "text"' })
  })
})
