import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { account, sendQuery, startTestFrontend, type TestFrontend } from '../../testing/index.ts'
import { iamOperationNames } from './iam-door.ts'

let frontend: TestFrontend
beforeAll(async () => {
  frontend = await startTestFrontend()
})
afterAll(() => frontend[Symbol.asyncDispose]())

const document = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*' } })
const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' },
})
const names = ['RoleName', 'UserName', 'PolicyName', 'PolicyArn', 'Path', 'PathPrefix', 'PolicyDocument', 'VersionId']
const others = [
  'AssumeRolePolicyDocument',
  'AccessKeyId',
  'Status',
  'MaxItems',
  'Marker',
  'MaxSessionDuration',
  'Tags.member.1.Key',
]
const more = [
  'Tags.member.1.Value',
  'TagKeys.member.1',
  'Description',
  'PermissionsBoundary',
  'SetAsDefault',
  'Scope',
  'OnlyAttached',
]
const ofSts = [
  'RoleArn',
  'RoleSessionName',
  'DurationSeconds',
  'Policy',
  'PolicyArns.member.1.arn',
  'ExternalId',
  'Tags',
]
const simulated = [
  'PolicySourceArn',
  'ActionNames.member.1',
  'ResourceArns.member.1',
  'PolicyInputList.member.1',
  'ContextEntries.member.1.ContextKeyName',
]

/** Good ones, nearly good ones, and what no client sends. */
const values = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('r', 'u', 'p', 'R', '/', '/a/', 'v1', 'v2', document, trust, 'Active', '1', '3600'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['role', 'user', 'policy'].map((kind) => `arn:aws:iam::${account}:${kind}/${kind[0]}`),
      'arn:aws:iam::aws:policy/AdministratorAccess',
      `arn:aws:iam::${account}:role/weft-full-access`,
      's3:GetObject',
      'weft-full-access',
    ),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '__proto__',
      'constructor',
      '\0',
      '<x>&amp;',
      '%00',
      '../..',
      '*',
      '>',
      '{',
      '[]',
      'null',
      '-1',
      '1e9',
      'ü'.repeat(300),
    ),
  },
)

it('answers anything in the query protocol with an answer or a clear refusal', async () => {
  let refused = 0
  let served = 0
  const request = fc.record({
    action: fc.constantFrom(...iamOperationNames, 'AssumeRole', 'GetCallerIdentity', '__proto__', ''),
    parameters: fc.dictionary(fc.constantFrom(...names, ...others, ...more, ...ofSts, ...simulated), values, {
      maxKeys: 6,
    }),
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ action, parameters }) => {
      const service = action === 'AssumeRole' || action === 'GetCallerIdentity' ? 'sts' : 'iam'
      const answer = await sendQuery(frontend.endpoint, service, action, parameters)
      expect(answer.status, answer.text).toBeLessThan(500)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may stand in XML as they are.
      expect(answer.text).toMatch(/^<\?xml version="1.0" encoding="UTF-8"\?>\n<(\w*Response) [^\u0000-\u0008]*<\/\1>$/)
      if (answer.status < 400) served++
      else {
        refused++
        expect([answer.code, answer.message]).not.toContain('')
      }
    }),
    { numRuns: 3_000 },
  )
  console.info(`requests in the query protocol: ${served} served, ${refused} refused`)
  expect(served).toBeGreaterThan(100)
})
