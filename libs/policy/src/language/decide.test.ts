import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DecisionInput, decide, denialText } from './decide.ts'
import { type CompiledPolicy, compilePolicy, type PolicyKind } from './document.ts'
import type { PolicySubject } from './principals.ts'

const one = '111122223333'
const two = '444455556666'
const f = `arn:aws:lambda:us-east-1:${one}:function:f`
const session: PolicySubject = {
  accountId: one,
  arn: `arn:aws:sts::${one}:assumed-role/r/s`,
  roleArn: `arn:aws:iam::${one}:role/r`,
}
const user: PolicySubject = { accountId: one, arn: `arn:aws:iam::${one}:user/ann` }
const foreign: PolicySubject = { accountId: two, arn: `arn:aws:iam::${two}:user/bob` }

function compile(statements: object[], kind: PolicyKind): CompiledPolicy {
  const compiled = compilePolicy({ Version: '2012-10-17', Statement: statements }, kind)
  if (!compiled.ok) throw new Error(compiled.error)
  return compiled.value
}
const allow = { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: f }
const deny = { ...allow, Effect: 'Deny' }
const identity = (...statements: object[]) => [compile(statements, 'identity')]
const resource = (...statements: object[]) => compile(statements, 'resource')

const ask = (over: Partial<DecisionInput>): string => {
  const request: DecisionInput = {
    subject: session,
    action: 'lambda:InvokeFunction',
    resource: f,
    resourceAccount: one,
    context: () => undefined,
    identity: [],
    ...over,
  }
  const decision = decide(request)
  if (decision.allowed) return 'allowed'
  return decision.explicit ? `denied by ${decision.side}` : `no ${decision.side}`
}
const by = (Principal: unknown) => resource({ ...allow, Principal })

describe('combining policies', () => {
  it.each<[string, Partial<DecisionInput>, string]>([
    ['nothing attached', {}, 'no identity-based'],
    ['an identity policy', { identity: identity(allow) }, 'allowed'],
    ['a denial beside it', { identity: identity(allow, deny) }, 'denied by identity-based'],
    [
      'root of the account',
      { subject: { accountId: one, arn: `arn:aws:iam::${one}:root` }, identity: 'everything' },
      'allowed',
    ],
    [
      'root against a denial on the resource',
      {
        subject: { accountId: one, arn: `arn:aws:iam::${one}:root` },
        identity: 'everything',
        resourcePolicy: resource({ ...deny, Principal: '*' }),
      },
      'denied by resource-based',
    ],
    ['a resource policy that names the role', { resourcePolicy: by({ AWS: session.roleArn }) }, 'allowed'],
    ['a resource policy that names the session', { resourcePolicy: by({ AWS: session.arn }) }, 'allowed'],
    ['a resource policy that names the user', { subject: user, resourcePolicy: by({ AWS: user.arn }) }, 'allowed'],
    ['a resource policy that names another user', { resourcePolicy: by({ AWS: user.arn }) }, 'no identity-based'],
    ['a resource policy for everybody', { resourcePolicy: by('*') }, 'allowed'],
    ['a resource policy that leaves it to the account', { resourcePolicy: by({ AWS: one }) }, 'no identity-based'],
    ['a session policy that allows', { identity: identity(allow), session: identity(allow) }, 'allowed'],
    [
      'a session policy that does not',
      { identity: identity(allow), session: identity({ ...allow, Action: 'lambda:GetFunction' }) },
      'no session',
    ],
    [
      'a session policy that denies',
      { identity: identity(allow), session: identity(allow, deny) },
      'denied by session',
    ],
    [
      'a role named by the resource, narrowed by the session',
      { resourcePolicy: by({ AWS: session.roleArn }), session: identity({ ...allow, Action: 'lambda:GetFunction' }) },
      'no session',
    ],
    [
      'a session named by the resource',
      { resourcePolicy: by({ AWS: session.arn }), session: identity({ ...allow, Action: 'lambda:GetFunction' }) },
      'allowed',
    ],
    [
      'a boundary without it',
      { identity: identity(allow), boundary: identity({ ...allow, Resource: `${f}2` }) },
      'no permissions boundary',
    ],
    ['another account, own policy only', { subject: foreign, identity: identity(allow) }, 'no resource-based'],
    ['another account, resource only', { subject: foreign, resourcePolicy: by({ AWS: two }) }, 'no identity-based'],
    [
      'another account, both',
      { subject: foreign, identity: identity(allow), resourcePolicy: by({ AWS: two }) },
      'allowed',
    ],
    [
      'another account, named',
      { subject: foreign, identity: identity(allow), resourcePolicy: by({ AWS: foreign.arn }) },
      'allowed',
    ],
    [
      'root of another account',
      {
        subject: { accountId: two, arn: `arn:aws:iam::${two}:root` },
        identity: 'everything',
        resourcePolicy: by({ AWS: two }),
      },
      'allowed',
    ],
    [
      'a service',
      {
        subject: { service: 's3.amazonaws.com' },
        identity: 'none',
        resourcePolicy: by({ Service: 's3.amazonaws.com' }),
      },
      'allowed',
    ],
    [
      'another service',
      {
        subject: { service: 'sns.amazonaws.com' },
        identity: 'none',
        resourcePolicy: by({ Service: 's3.amazonaws.com' }),
      },
      'no resource-based',
    ],
    ['nobody known', { subject: {}, identity: 'none', resourcePolicy: by('*') }, 'allowed'],
    ['nobody known, and no policy', { subject: {}, identity: 'none' }, 'no resource-based'],
    [
      'everybody but one',
      {
        subject: user,
        identity: identity(allow),
        resourcePolicy: resource({ ...deny, NotPrincipal: { AWS: user.arn } }),
      },
      'allowed',
    ],
    [
      'one that is not the exception',
      { identity: identity(allow), resourcePolicy: resource({ ...deny, NotPrincipal: { AWS: user.arn } }) },
      'denied by resource-based',
    ],
  ])('%s', (_name, over, outcome) => {
    expect(ask(over)).toBe(outcome)
  })

  it('never allows what one of its policies denies, and nothing that none allows', () => {
    const statement = fc.record({
      Effect: fc.constantFrom('Allow', 'Deny'),
      Action: fc.constantFrom('lambda:InvokeFunction', 'lambda:*', '*', 's3:GetObject'),
      Resource: fc.constantFrom(f, '*', `${f}:*`, 'arn:aws:lambda:*:*:function:*'),
    })
    const hits = (one: { Action: string; Resource: string }): boolean =>
      one.Action !== 's3:GetObject' && one.Resource !== `${f}:*`
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 6 }), (statements) => {
        const policies = statements.map((one) => compile([one], 'identity'))
        const applying = statements.filter(hits)
        const expected = applying.some((one) => one.Effect === 'Deny')
          ? 'denied by identity-based'
          : applying.length > 0
            ? 'allowed'
            : 'no identity-based'
        expect(ask({ identity: policies })).toBe(expected)
      }),
    )
  })
})

it('words refusals as AWS does', () => {
  const who = `arn:aws:sts::${one}:assumed-role/r/f`
  const text = (side: Parameters<typeof denialText>[3]['side'], explicit: boolean) =>
    denialText(who, 'lambda:InvokeFunction', f, { allowed: false, explicit, side })
  const start = `User: ${who} is not authorized to perform: lambda:InvokeFunction on resource: ${f}`
  expect(text('identity-based', false)).toBe(
    `${start} because no identity-based policy allows the lambda:InvokeFunction action`,
  )
  expect(text('identity-based', true)).toBe(`${start} with an explicit deny in an identity-based policy`)
  expect(text('resource-based', false)).toBe(
    `${start} because no resource-based policy allows the lambda:InvokeFunction action`,
  )
  expect(text('permissions boundary', true)).toBe(`${start} with an explicit deny in a permissions boundary`)
  expect(text('session', false)).toBe(`${start} because no session policy allows the lambda:InvokeFunction action`)
})
