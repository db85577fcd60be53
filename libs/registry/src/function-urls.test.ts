import type { FunctionRecord } from '@weft/contracts'
import { expect, test } from 'vitest'
import { qualifiedOf, qualifiersWith, withoutQualifier, withQualified } from './by-qualifier.ts'
import { createFunctionUrl, describeFunctionUrl, updateFunctionUrl } from './function-urls.ts'
import { recordNamed } from './testing/records.ts'

const stamp = { nowMs: 1_000, urlId: 'a'.repeat(32) }
const made = (record: FunctionRecord, qualifier: string, input: object = {}) => {
  const url = createFunctionUrl(record, qualifier, { AuthType: 'NONE', ...input }, stamp)
  if (!url.ok) throw new Error(url.error.message)
  return url.value
}

test('a URL belongs to one qualifier and shows under its ARN', () => {
  const record = recordNamed('shop')
  const withUrl = withQualified(record, 'urls', 'live', made(record, 'live'))
  expect(qualifiedOf(withUrl, 'urls', '$LATEST')).toBeUndefined()
  expect(describeFunctionUrl(withUrl, 'live', made(record, 'live'), 'http://x/')).toEqual({
    FunctionUrl: 'http://x/',
    FunctionArn: `${record.functionArn}:live`,
    AuthType: 'NONE',
    CreationTime: '1970-01-01T00:00:01.000Z',
    LastModifiedTime: '1970-01-01T00:00:01.000Z',
    InvokeMode: 'BUFFERED',
  })
  expect(describeFunctionUrl(withUrl, '$LATEST', made(record, '$LATEST'), 'http://x/').FunctionArn).toBe(
    record.functionArn,
  )
  expect(withoutQualifier(withUrl, 'live')).toEqual(record)
  expect(withoutQualifier(withUrl, 'other')).toBe(withUrl)
})

test('there is one URL for each qualifier', () => {
  const record = recordNamed('shop')
  const both = ['live', '$LATEST', 'beta'].reduce(
    (next, qualifier) => withQualified(next, 'urls', qualifier, made(next, qualifier)),
    record,
  )
  expect(qualifiersWith(both, 'urls')).toEqual(['$LATEST', 'beta', 'live'])
  expect(createFunctionUrl(both, 'live', { AuthType: 'NONE' }, stamp)).toMatchObject({
    error: {
      code: 'ResourceConflictException',
      message: `Failed to create function url config for [functionArn = ${record.functionArn}:live]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    },
  })
})

test('an update replaces Cors as a whole and leaves what it does not name', () => {
  const record = recordNamed('shop')
  const url = made(record, '$LATEST', { Cors: { AllowOrigins: ['*'], MaxAge: 5 }, InvokeMode: 'RESPONSE_STREAM' })
  const updated = updateFunctionUrl(url, { AuthType: 'AWS_IAM' }, 2_000)
  expect(updated).toEqual({ ok: true, value: { ...url, authType: 'AWS_IAM', lastModifiedMs: 2_000 } })
  const replaced = updateFunctionUrl(url, { Cors: { AllowMethods: ['GET'] } }, 2_000)
  expect(replaced).toMatchObject({ ok: true, value: { cors: { allowMethods: ['GET'] } } })
  const ended = updateFunctionUrl(url, { Cors: {} }, 2_000)
  expect(ended.ok && ended.value.cors).toBeUndefined()
})

test.each([
  { AllowMethods: ['BREW'] },
  { AllowHeaders: ['x-a\0'] },
  { ExposeHeaders: ['a b'] },
  { AllowOrigins: ['https://a.example, https://b.example'] },
  { AllowOrigins: ['https://a.example/path'] },
])('what would break a header is refused: %j', (Cors) => {
  const answer = createFunctionUrl(recordNamed('shop'), '$LATEST', { AuthType: 'NONE', Cors }, stamp)
  expect(answer).toMatchObject({ error: { code: 'InvalidParameterValueException' } })
})
