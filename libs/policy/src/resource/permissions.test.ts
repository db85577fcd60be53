import { functionName, type ResourcePolicy } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { anonymousMayUseUrl, serviceMayInvoke } from './grants.ts'
import { addStatement, type PermissionInput, permissionStatement, printPolicy, removeStatement } from './permissions.ts'

const functionArn = `arn:aws:lambda:us-east-1:123456789012:function:${functionName('f')}`
const base: PermissionInput = {
  statementId: 's',
  action: 'lambda:InvokeFunction',
  principal: 's3.amazonaws.com',
  resource: functionArn,
}
const statement = (over: Partial<PermissionInput> = {}) => {
  const made = permissionStatement({ ...base, ...over })
  if (!made.ok) throw new Error(made.error.message)
  return made.value
}
const policyOf = (...statements: ReturnType<typeof statement>[]): ResourcePolicy => ({ revisionId: 'r', statements })

describe('statements', () => {
  it('are written as AWS writes them', () => {
    const bucket = 'arn:aws:s3:::photos'
    expect(JSON.stringify(statement({ sourceArn: bucket, sourceAccount: '123456789012' }))).toBe(
      `{"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"${functionArn}","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"${bucket}"}}}`,
    )
    expect(printPolicy(policyOf(statement({ principal: '*' })))).toBe(
      `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"${functionArn}"}]}`,
    )
  })

  it.each([
    ['210987654321', { AWS: 'arn:aws:iam::210987654321:root' }],
    ['arn:aws:iam::210987654321:role/path/r', { AWS: 'arn:aws:iam::210987654321:role/path/r' }],
    ['arn:aws:iam::210987654321:user/u', { AWS: 'arn:aws:iam::210987654321:user/u' }],
    ['*', '*'],
    ['events.amazonaws.com', { Service: 'events.amazonaws.com' }],
    ['alexa-appkit.amazon.com', { Service: 'alexa-appkit.amazon.com' }],
  ])('name %s', (principal, expected) => {
    expect(statement({ principal }).Principal).toEqual(expected)
  })

  it.each(['ann', '12345678901', 'arn:aws:iam::1:root', 'arn:aws:iam::210987654321:role/*', 's3.example.com', '**'])(
    'name nobody by %s',
    (principal) => {
      expect(permissionStatement({ ...base, principal })).toMatchObject({
        ok: false,
        error: { message: 'The provided principal was invalid. Please check the principal and try again.' },
      })
    },
  )

  it('have the other conditions', () => {
    expect(
      statement({ eventSourceToken: 't', principalOrgId: 'o-1234567890', invokedViaFunctionUrl: true }).Condition,
    ).toEqual({
      StringEquals: { 'aws:PrincipalOrgID': 'o-1234567890', 'lambda:EventSourceToken': 't' },
      Bool: { 'lambda:InvokedViaFunctionUrl': 'true' },
    })
    expect(permissionStatement({ ...base, functionUrlAuthType: 'NONE' })).toMatchObject({
      error: { message: 'FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action' },
    })
  })
})

describe('a policy', () => {
  it('takes a statement id once', () => {
    const first = addStatement(undefined, statement(), 'r1')
    if (!first.ok) throw new Error('refused')
    expect(addStatement(first.value, statement(), 'r2')).toMatchObject({
      error: {
        code: 'ResourceConflictException',
        message:
          'The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.',
      },
    })
    expect(addStatement(first.value, statement({ statementId: 't' }), 'r2', 'r0')).toMatchObject({
      error: { code: 'PreconditionFailedException' },
    })
    expect(addStatement(first.value, statement({ statementId: 't' }), 'r2', 'r1')).toMatchObject({
      value: { revisionId: 'r2', statements: [{ Sid: 's' }, { Sid: 't' }] },
    })
  })

  it('stays within 20 KB', () => {
    let policy: ResourcePolicy | undefined
    for (let n = 0; ; n++) {
      const grown = addStatement(policy, statement({ statementId: `s${n}` }), 'r')
      if (grown.ok) {
        policy = grown.value
        continue
      }
      expect(grown.error.code).toBe('PolicyLengthExceededException')
      expect(grown.error.message).toMatch(/^The final policy size \(20\d\d\d\) is bigger than the limit \(20480\)\.$/)
      break
    }
    expect(Buffer.byteLength(printPolicy(policy ?? policyOf()))).toBeLessThanOrEqual(20_480)
  })

  it('loses a statement, and ends with the last', () => {
    const policy = policyOf(statement(), statement({ statementId: 't' }))
    expect(removeStatement(undefined, 's', 'r2')).toMatchObject({
      error: { message: 'No policy is associated with the given resource.' },
    })
    expect(removeStatement(policy, 'x', 'r2')).toMatchObject({
      error: { message: 'Statement x is not found in resource policy.' },
    })
    const left = removeStatement(policy, 's', 'r2')
    expect(left).toMatchObject({ value: { revisionId: 'r2', statements: [{ Sid: 't' }] } })
    expect(removeStatement(left.ok ? left.value : undefined, 't', 'r3')).toEqual({ ok: true, value: undefined })
  })
})

describe('a trigger', () => {
  const bucket = 'arn:aws:s3:::photos'
  const record = (...statements: ReturnType<typeof statement>[]) => ({
    functionArn,
    policies: {
      $LATEST: policyOf(...statements),
      live: policyOf(statement({ resource: `${functionArn}:live`, principal: 'sns.amazonaws.com' })),
    },
  })
  it.each([
    ['no statement', [], { service: 's3.amazonaws.com' }, false],
    ['its service', [statement()], { service: 's3.amazonaws.com' }, true],
    ['another service', [statement()], { service: 'sns.amazonaws.com' }, false],
    ['its bucket', [statement({ sourceArn: bucket })], { service: 's3.amazonaws.com', sourceArn: bucket }, true],
    [
      'another bucket',
      [statement({ sourceArn: bucket })],
      { service: 's3.amazonaws.com', sourceArn: `${bucket}2` },
      false,
    ],
    ['a bucket untold', [statement({ sourceArn: bucket })], { service: 's3.amazonaws.com' }, false],
    [
      'a bucket of that name in another account',
      [statement({ sourceArn: bucket, sourceAccount: '123456789012' })],
      { service: 's3.amazonaws.com', sourceArn: bucket, sourceAccount: '210987654321' },
      false,
    ],
    ['an alias that has its own policy', [], { service: 'sns.amazonaws.com', qualifier: 'live' }, true],
    [
      'an alias, by the policy of the function',
      [statement()],
      { service: 's3.amazonaws.com', qualifier: 'live' },
      false,
    ],
    ['everybody', [statement({ principal: '*' })], { service: 's3.amazonaws.com' }, true],
  ] as const)('may call by %s', (_name, statements, call, expected) => {
    expect(serviceMayInvoke(record(...statements), call)).toBe(expected)
  })

  it('is nobody for an open URL', () => {
    const open = statement({ action: 'lambda:InvokeFunctionUrl', principal: '*', functionUrlAuthType: 'NONE' })
    expect(anonymousMayUseUrl(record(open))).toBe(true)
    expect(anonymousMayUseUrl(record(open), 'live')).toBe(false)
    expect(anonymousMayUseUrl(record(statement({ principal: '*' })))).toBe(false)
    expect(anonymousMayUseUrl({ functionArn })).toBe(false)
  })
})
