import { expect, test } from 'vitest'
import { initFailed } from './documents.ts'

const requestId = '11111111-2222-4333-8444-555555555555'
const told = (document: unknown) => {
  const { errorType, document: text } = initFailed(requestId, Buffer.from(JSON.stringify(document)))
  return [errorType, JSON.parse(text.toString('utf8'))]
}

test('that a program could not be started is told by the platform, with the request that wanted it', () => {
  for (const errorType of ['Runtime.InvalidEntrypoint', 'Runtime.InvalidWorkingDir'])
    expect(told({ errorType, errorMessage: 'fork/exec /app: exec format error' })).toEqual([
      errorType,
      { errorType, errorMessage: `RequestId: ${requestId} Error: fork/exec /app: exec format error` },
    ])
})

test('what a runtime says of itself goes on as it is', () => {
  const document = { errorMessage: 'no module', errorType: 'Runtime.ImportModuleError', stackTrace: [] }
  expect(told(document)).toEqual(['Runtime.ImportModuleError', document])
  expect(told('anything')).toEqual(['Runtime.Unknown', 'anything'])
})
