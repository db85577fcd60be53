// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables are written like this.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePolicy, type PolicyKind, parsePolicy } from './document.ts'
import { evaluate, type PolicyRequest } from './evaluate.ts'
import type { ContextLookup } from './pattern.ts'

const object = 'arn:aws:s3:::photos/ann/1.jpg'
const base = { Effect: 'Allow', Action: 's3:GetObject', Resource: object }

const context = (values: Record<string, string | readonly string[]>): ContextLookup => {
  const lower = new Map(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value]))
  return (key) => lower.get(key)
}

/** Whether a policy of one statement, `base` with changes, applies to a request. */
function applies(statement: object, request: Partial<PolicyRequest> = {}): boolean {
  const policy = compilePolicy({ Version: '2012-10-17', Statement: { ...base, ...statement } }, 'identity')
  if (!policy.ok) throw new Error(policy.error)
  const asked = { subject: {}, action: 's3:GetObject', resource: object, context: () => undefined, ...request }
  return evaluate([policy.value], asked).kind === 'allow'
}

const met = (Condition: object, values: Record<string, string | readonly string[]> = {}): boolean =>
  applies({ Condition }, { context: context(values) })

describe('actions and resources', () => {
  it.each<[string, object, boolean]>([
    ['the same', {}, true],
    ['another action', { Action: 's3:PutObject' }, false],
    ['a list', { Action: ['s3:PutObject', 's3:GetObject'] }, true],
    ['any case', { Action: 'S3:getobject' }, true],
    ['a wildcard', { Action: 's3:Get*' }, true],
    ['a question mark', { Action: 's3:GetObjec?' }, true],
    ['too many question marks', { Action: 's3:GetObject?' }, false],
    ['everything', { Action: '*', Resource: '*' }, true],
    ['all but this', { Action: undefined, NotAction: 's3:Get*' }, false],
    ['all but another', { Action: undefined, NotAction: 's3:Put*' }, true],
    ['a folder', { Resource: 'arn:aws:s3:::photos/*' }, true],
    ['a file in any folder', { Resource: 'arn:aws:s3:::photos/*/1.jpg' }, true],
    ['a resource in another case', { Resource: 'arn:aws:s3:::Photos/ann/1.jpg' }, false],
    ['wildcards in every part', { Resource: 'arn:*:s3:*:*:*' }, true],
    ['a wildcard that would have to reach over a part', { Resource: 'arn:aws:s3:*:photos/*:x' }, false],
    ['all resources but this', { Resource: undefined, NotResource: object }, false],
    ['all resources but another', { Resource: undefined, NotResource: 'arn:aws:s3:::other/*' }, true],
  ])('%s', (_name, statement, expected) => {
    expect(applies(statement)).toBe(expected)
  })

  it('fills variables in, as they are', () => {
    const resource = { Resource: 'arn:aws:s3:::photos/${aws:username}/*' }
    expect(applies(resource, { context: context({ 'aws:username': 'ann' }) })).toBe(true)
    expect(applies(resource, { context: context({ 'aws:username': 'bob' }) })).toBe(false)
    expect(applies(resource, { context: context({ 'aws:username': '*' }) })).toBe(false)
    expect(applies(resource)).toBe(false)
    const preset = { Resource: "arn:aws:s3:::photos/${aws:username, 'ann'}/*" }
    expect(applies(preset)).toBe(true)
    expect(applies({ Resource: 'arn:aws:s3:::photos/${*}/1.jpg' })).toBe(false)
    expect(applies({ Resource: 'arn:aws:s3:::photos/${*}/1.jpg' }, { resource: 'arn:aws:s3:::photos/*/1.jpg' })).toBe(
      true,
    )
  })

  it('leaves variables alone in documents of 2008', () => {
    const document = {
      Version: '2008-10-17',
      Statement: { ...base, Principal: '*', Resource: 'arn:aws:s3:::${aws:username}' },
    }
    const policy = compilePolicy(document, 'resource')
    if (!policy.ok) throw new Error(policy.error)
    const request = { subject: {}, action: 's3:GetObject', context: context({ 'aws:username': 'ann' }) }
    expect(evaluate([policy.value], { ...request, resource: 'arn:aws:s3:::ann' }).kind).toBe('silent')
    expect(evaluate([policy.value], { ...request, resource: 'arn:aws:s3:::${aws:username}' }).kind).toBe('allow')
  })
})

describe('conditions', () => {
  const arn = 'arn:aws:sns:us-east-1:123456789012:topic'
  it.each<[object, Record<string, string | readonly string[]>, boolean]>([
    [{ StringEquals: { k: 'a' } }, { k: 'a' }, true],
    [{ StringEquals: { K: ['b', 'a'] } }, { k: 'a' }, true],
    [{ StringEquals: { k: 'a*' } }, { k: 'ab' }, false],
    [{ StringEquals: { k: 'a' } }, {}, false],
    [{ StringEqualsIfExists: { k: 'a' } }, {}, true],
    [{ StringEqualsIfExists: { k: 'a' } }, { k: 'b' }, false],
    [{ StringNotEquals: { k: ['a', 'b'] } }, { k: 'c' }, true],
    [{ StringNotEquals: { k: ['a', 'b'] } }, { k: 'b' }, false],
    [{ StringNotEquals: { k: 'a' } }, {}, true],
    [{ StringEqualsIgnoreCase: { k: 'A' } }, { k: 'a' }, true],
    [{ StringNotEqualsIgnoreCase: { k: 'A' } }, { k: 'a' }, false],
    [{ StringLike: { k: 'a*c?' } }, { k: 'abbcd' }, true],
    [{ StringNotLike: { k: 'a*' } }, { k: 'ab' }, false],
    [{ StringEquals: { a: '1', b: '2' } }, { a: '1', b: '3' }, false],
    [{ StringEquals: { k: '${aws:username}' } }, { k: 'ann', 'aws:username': 'ann' }, true],
    [{ ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*:123456789012:*' } }, { 'AWS:SourceArn': arn }, true],
    [{ ArnLike: { 'aws:SourceArn': 'arn:aws:sns:*:topic' } }, { 'aws:SourceArn': arn }, false],
    [{ ArnEquals: { 'aws:SourceArn': arn } }, { 'aws:SourceArn': arn }, true],
    [{ ArnNotEquals: { 'aws:SourceArn': arn } }, { 'aws:SourceArn': arn }, false],
    [{ ArnNotLike: { 'aws:SourceArn': 'arn:aws:sqs:*:*:*' } }, { 'aws:SourceArn': arn }, true],
    [{ Bool: { 'aws:SecureTransport': true } }, { 'aws:SecureTransport': 'true' }, true],
    [{ Bool: { 'aws:SecureTransport': 'false' } }, { 'aws:SecureTransport': 'true' }, false],
    [{ NumericLessThan: { n: 10 } }, { n: '9.5' }, true],
    [{ NumericLessThanEquals: { n: '10' } }, { n: '10' }, true],
    [{ NumericGreaterThan: { n: '10' } }, { n: '10' }, false],
    [{ NumericGreaterThanEquals: { n: '10' } }, { n: '10' }, true],
    [{ NumericEquals: { n: '10' } }, { n: '10.0' }, true],
    [{ NumericNotEquals: { n: '10' } }, { n: '11' }, true],
    [{ NumericEquals: { n: '10' } }, { n: 'ten' }, false],
    [{ DateLessThan: { d: '2026-01-02T00:00:00Z' } }, { d: '2026-01-01T00:00:00Z' }, true],
    [{ DateGreaterThan: { d: '1767312000' } }, { d: '2026-01-02T00:00:01Z' }, true],
    [{ DateEquals: { d: '2026-01-02' } }, { d: '2026-01-02T00:00:00Z' }, true],
    [{ IpAddress: { ip: '10.0.0.0/8' } }, { ip: '10.1.2.3' }, true],
    [{ IpAddress: { ip: ['10.0.0.0/8', '2001:db8::/32'] } }, { ip: '2001:db8::1' }, true],
    [{ IpAddress: { ip: '10.0.0.1' } }, { ip: '10.0.0.2' }, false],
    [{ IpAddress: { ip: '0.0.0.0/0' } }, { ip: 'x' }, false],
    [{ NotIpAddress: { ip: '10.0.0.0/8' } }, { ip: '11.1.2.3' }, true],
    [{ Null: { k: 'true' } }, {}, true],
    [{ Null: { k: true } }, { k: 'a' }, false],
    [{ Null: { k: 'false' } }, { k: 'a' }, true],
    [{ 'ForAnyValue:StringEquals': { k: ['a', 'b'] } }, { k: ['c', 'b'] }, true],
    [{ 'ForAnyValue:StringEquals': { k: 'a' } }, {}, false],
    [{ 'ForAllValues:StringEquals': { k: ['a', 'b'] } }, { k: ['a', 'b', 'a'] }, true],
    [{ 'ForAllValues:StringEquals': { k: ['a', 'b'] } }, { k: ['a', 'c'] }, false],
    [{ 'ForAllValues:StringEquals': { k: 'a' } }, {}, true],
    [{ 'ForAnyValue:StringNotEquals': { k: 'a' } }, { k: ['a', 'b'] }, true],
    [{ 'ForAllValues:StringLike': { k: 'arn:*' } }, { k: ['arn:1', 'x'] }, false],
  ])('%j with %j: %s', (condition, values, expected) => {
    expect(met(condition, values)).toBe(expected)
  })
})

describe('documents that are none', () => {
  const document = (statement: unknown, more: object = {}) =>
    JSON.stringify({ Version: '2012-10-17', Statement: statement, ...more })
  it.each<[string, string, PolicyKind, string]>([
    ['not JSON', '{', 'identity', 'This policy contains invalid Json'],
    ['no object', '[]', 'identity', 'Syntax errors in policy.'],
    ['no statement', '{"Version":"2012-10-17"}', 'identity', 'Syntax errors in policy.'],
    ['an empty list', document([]), 'identity', 'Syntax errors in policy.'],
    [
      'no version',
      JSON.stringify({ Statement: base }),
      'identity',
      'Policy document must be version 2012-10-17 or greater.',
    ],
    ['another version', document(base, { Version: '2012-10-18' }), 'identity', 'Syntax errors in policy.'],
    ['an unknown element', document({ ...base, Extra: 1 }), 'identity', 'Syntax errors in policy.'],
    ['no effect', document({ ...base, Effect: 'allow' }), 'identity', 'Syntax errors in policy.'],
    ['no action', document({ ...base, Action: undefined }), 'identity', 'Policy statement must contain actions.'],
    [
      'a bare action',
      document({ ...base, Action: 'GetObject' }),
      'identity',
      'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
    ],
    ['both actions', document({ ...base, NotAction: '*' }), 'identity', 'Syntax errors in policy.'],
    ['no resource', document({ ...base, Resource: [] }), 'identity', 'Policy statement must contain resources.'],
    [
      'a name as resource',
      document({ ...base, Resource: 'photos' }),
      'identity',
      'Resource photos must be in ARN format or "*".',
    ],
    ['a short ARN', document({ ...base, Resource: 'arn:aws:s3' }), 'identity', 'The policy failed legacy parsing'],
    [
      'a principal where none may be',
      document({ ...base, Principal: '*' }),
      'identity',
      'Policy document should not specify a principal.',
    ],
    [
      'equal Sids',
      document([
        { ...base, Sid: 'a' },
        { ...base, Sid: 'a' },
      ]),
      'identity',
      'Statement IDs (SID) in a single policy must be unique.',
    ],
    [
      'an odd operator',
      document({ ...base, Condition: { StringIs: { k: 'v' } } }),
      'identity',
      'Invalid Condition type : StringIs.',
    ],
    [
      'an odd number',
      document({ ...base, Condition: { NumericEquals: { k: 'v' } } }),
      'identity',
      'Invalid value for NumericEquals: v',
    ],
    [
      'a condition without keys',
      document({ ...base, Condition: { StringEquals: 'v' } }),
      'identity',
      'Syntax errors in policy.',
    ],
    [
      'a condition on an object',
      document({ ...base, Condition: { StringEquals: { k: {} } } }),
      'identity',
      'Syntax errors in policy.',
    ],
    ['no principal', document(base), 'resource', 'Missing required field Principal'],
    [
      'a resource of trust',
      document({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: '*', Resource: '*' }),
      'trust',
      'Has prohibited field Resource',
    ],
    [
      'trust in another action',
      document({ Effect: 'Allow', Action: 's3:Get', Principal: '*' }),
      'trust',
      'AssumeRole policy may only specify STS AssumeRole actions.',
    ],
    [
      'an odd principal',
      document({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: 'ann' } }),
      'trust',
      'Invalid principal in policy: "AWS":"ann"',
    ],
  ])('%s', (_name, text, kind, message) => {
    expect(parsePolicy(text, kind)).toEqual({ ok: false, error: message })
  })

  it('takes any JSON without a throw, and without merging it into anything', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom<PolicyKind[]>('identity', 'resource', 'trust'), (text, kind) => {
        parsePolicy(text, kind)
        const nested = JSON.parse(text) as unknown
        compilePolicy({ Version: '2012-10-17', Statement: nested }, kind)
        compilePolicy({ Version: '2012-10-17', Statement: { ...base, Condition: nested } }, kind)
      }),
    )
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})
