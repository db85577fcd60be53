import { expect, test } from 'vitest'
import { policyOfDocument } from './documents.ts'
import { addStatement, printPolicy, removeStatement } from './permissions.ts'

const arn = 'arn:aws:lambda:us-east-1:123456789012:function:f'
const statement = { Sid: 's', Effect: 'Deny', Principal: '*', Action: 'lambda:InvokeFunction', Resource: arn }
const document = (change: object = {}, ...more: object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, ...change }, ...more] })
const put = (text: string, expected?: string) =>
  policyOfDocument({ revisionId: 'before', statements: [] }, text, arn, 'after', expected)

test('a document takes the place of what was there, and single permissions go on from it', () => {
  const made = put(document(), 'before')
  expect(made).toEqual({ ok: true, value: { revisionId: 'after', statements: [statement] } })
  if (!made.ok) return
  const own = { ...statement, Sid: 'own', Effect: 'Allow', Principal: '*' } as const
  const both = addStatement(made.value, own, 'r')
  expect(both.ok && JSON.parse(printPolicy(both.value)).Statement).toHaveLength(2)
  expect(removeStatement(made.value, 's', 'r')).toEqual({ ok: true, value: undefined })
  expect(put(JSON.stringify({ Version: '2012-10-17', Statement: statement }))).toMatchObject({ ok: true })
})

test.each<[string, string, RegExp]>([
  ['no JSON', '{', /invalid Json/],
  ['no policy', '{}', /./],
  ['an old version', JSON.stringify({ Version: '2008-10-17', Statement: [statement] }), /2012-10-17/],
  ['no version', JSON.stringify({ Statement: [statement] }), /2012-10-17/],
  ['another resource', document({ Resource: `${arn}2` }), /must have the resource/],
  ['all resources', document({ Resource: '*' }), /must have the resource/],
  ['one id twice', document({}, statement), /must be unique/],
  ['no principal', document({ Principal: undefined }), /./],
])('refuses %s', (_what, text, message) => {
  expect(put(text)).toMatchObject({
    error: { code: 'InvalidParameterValueException', message: expect.stringMatching(message) },
  })
})

test('refuses what is too long, and what was made from an older one', () => {
  expect(put(document({ Sid: 'x'.repeat(20_480) }))).toMatchObject({ error: { code: 'PolicyLengthExceededException' } })
  expect(put(document(), 'stale')).toMatchObject({ error: { code: 'PreconditionFailedException' } })
})
