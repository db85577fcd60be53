import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compilePolicy } from './document.ts'
import { evaluate, type PolicyRequest } from './evaluate.ts'

/** A policy language so small that its meaning can be read off: what the evaluation must agree with. */
interface Small {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action?: readonly string[]
  readonly NotAction?: readonly string[]
  readonly Resource?: readonly string[]
  readonly NotResource?: readonly string[]
  readonly Principal?: '*' | { readonly AWS: readonly string[] } | { readonly Service: readonly string[] }
  readonly NotPrincipal?: { readonly AWS: readonly string[] }
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}

const wild = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${[...pattern].map((c) => (c === '*' ? '.*' : c === '?' ? '.' : c.replace(/[^a-z0-9]/i, '\\$&'))).join('')}$`,
    's',
  ).test(text)
const some = (patterns: readonly string[], text: string): boolean => patterns.some((one) => wild(one, text))

const accounts = ['111111111111', '222222222222'] as const
const users = accounts.map((account) => `arn:aws:iam::${account}:user/u`)
const subjects = [
  ...accounts.map((accountId, at) => ({ accountId, arn: users[at] ?? '' })),
  ...accounts.map((accountId) => ({ accountId, arn: `arn:aws:iam::${accountId}:root` })),
  { service: 's3.amazonaws.com' },
  {},
]
type Subject = (typeof subjects)[number]

const namedBy = (names: readonly string[], subject: Subject): boolean =>
  'arn' in subject &&
  names.some(
    (name) =>
      name === '*' ||
      name === subject.arn ||
      name === subject.accountId ||
      name === `arn:aws:iam::${subject.accountId}:root`,
  )

function principalMeets({ Principal, NotPrincipal }: Small, subject: Subject): boolean {
  if (NotPrincipal) return !namedBy(NotPrincipal.AWS, subject)
  if (Principal === '*') return true
  if (Principal && 'AWS' in Principal) return Principal.AWS.includes('*') || namedBy(Principal.AWS, subject)
  return Principal !== undefined && 'service' in subject && Principal.Service.includes(subject.service ?? '')
}

type Values = Readonly<Record<string, readonly string[]>>

function conditionMeets(operator: string, wanted: readonly string[], given: readonly string[] | undefined): boolean {
  if (operator === 'Null') return wanted.includes(String(given === undefined))
  const [, set, negated, like, ifExists] = /^(ForA\w+:)?String(Not)?(Equals|Like)(IfExists)?$/.exec(operator) ?? []
  const hit = (value: string) =>
    wanted.some((one) => (like === 'Like' ? wild(one, value) : one === value)) !== (negated === 'Not')
  if (given === undefined || given.length === 0) {
    if (ifExists) return true
    if (set) return set === 'ForAllValues:'
    return negated === 'Not'
  }
  if (set === 'ForAnyValue:') return given.some(hit)
  if (set === 'ForAllValues:' || negated === 'Not') return given.every(hit)
  return given.some(hit)
}

const applies = (one: Small, action: string, resource: string, subject: Subject, values: Values): boolean =>
  (one.Action ? some(one.Action, action) : !some(one.NotAction ?? [], action)) &&
  (one.Resource ? some(one.Resource, resource) : !some(one.NotResource ?? [], resource)) &&
  principalMeets(one, subject) &&
  Object.entries(one.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => conditionMeets(operator, wanted, values[key])),
  )

const list = (...items: string[]) => fc.subarray(items, { minLength: 1 })
const either = <A extends string, B extends string, V>(a: A, b: B, value: fc.Arbitrary<V>) =>
  fc.oneof(
    value.map((it) => ({ [a]: it }) as Record<A, V>),
    value.map((it) => ({ [b]: it }) as Record<B, V>),
  )
const actions = list('a:Get', 'a:G*', 'a:?et', 'a:*', '*', 'b:Get', 'a:Put')
const resources = list('arn:aws:a:::x', 'arn:aws:a:::x*', 'arn:aws:a:::*', '*', 'arn:aws:a:::?y', 'arn:aws:a:r::x')
const operators = fc.constantFrom(
  ...['', 'ForAnyValue:', 'ForAllValues:'].flatMap((set) =>
    ['StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike'].flatMap((name) => [
      `${set}${name}`,
      `${set}${name}IfExists`,
    ]),
  ),
)
const texts = list('1', '2', '1*', '?', '', '*')
const condition = fc.oneof(
  fc.record({ operator: operators, wanted: texts }),
  fc.record({ operator: fc.constant('Null'), wanted: list('true', 'false') }),
)
const principal = fc.oneof(
  fc.constant({ Principal: '*' as const }),
  list(...users, ...accounts, '*').map((AWS) => ({ Principal: { AWS } })),
  fc.constant({ Principal: { Service: ['s3.amazonaws.com'] } }),
  list(...users, ...accounts).map((AWS) => ({ NotPrincipal: { AWS } })),
)
const statement: fc.Arbitrary<Small> = fc
  .tuple(
    fc.constantFrom('Allow' as const, 'Deny' as const),
    either('Action', 'NotAction', actions),
    either('Resource', 'NotResource', resources),
    principal,
    fc.array(fc.tuple(fc.constantFrom('k', 'l'), condition), { maxLength: 2 }),
  )
  .map(([Effect, action, resource, who, conditions]) => ({
    ...{ Effect, ...action, ...resource, ...who },
    ...(conditions.length > 0 && {
      Condition: Object.fromEntries(conditions.map(([key, { operator, wanted }]) => [operator, { [key]: wanted }])),
    }),
  }))
const values: fc.Arbitrary<Values> = fc.dictionary(fc.constantFrom('k', 'l'), list('1', '2', '12', ''), { maxKeys: 2 })

it('agrees with the plain meaning of a policy', () => {
  let allowed = 0
  const request = fc.record({
    action: fc.constantFrom('a:Get', 'a:Put', 'b:Get'),
    resource: fc.constantFrom('arn:aws:a:::x', 'arn:aws:a:::xy', 'arn:aws:a:r::x', 'arn:aws:b:::x'),
    subject: fc.constantFrom(...subjects),
    values,
  })
  fc.assert(
    fc.property(fc.array(statement, { minLength: 1, maxLength: 4 }), request, (statements, asked) => {
      const policy = compilePolicy({ Version: '2012-10-17', Statement: statements }, 'resource')
      if (!policy.ok) throw new Error(policy.error)
      const { action, resource, subject } = asked
      const hits = statements.filter((one) => applies(one, action, resource, subject, asked.values))
      const expected = hits.some((one) => one.Effect === 'Deny') ? 'deny' : hits.length > 0 ? 'allow' : 'silent'
      const context: PolicyRequest['context'] = (key) =>
        Object.hasOwn(asked.values, key) ? asked.values[key] : undefined
      expect(evaluate([policy.value], { action, resource, subject, context }).kind).toBe(expected)
      if (expected === 'allow') allowed++
    }),
    { numRuns: 5_000 },
  )
  expect(allowed).toBeGreaterThan(200)
})
