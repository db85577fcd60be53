import { accountId, type FunctionRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { createFunction } from './functions.ts'
import { resolveFunction } from './resolve.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const base = 'arn:aws:lambda:us-east-1:123456789012:function'
const made = createFunction(
  undefined,
  { FunctionName: 'f', Runtime: 'r', Role: 'role', Handler: 'h' },
  { digest: '', sha256: '', sizeBytes: 1 },
  scope,
  { runtimes: ['r'], architectures: ['x86_64'] },
  { nowMs: 0, revisionId: '' },
)
const record = (made as { value: FunctionRecord }).value
const catalogue = {
  function: (account: string, name: string) => (account === scope.accountId && name === 'f' ? record : undefined),
}
const resolve = (ref: string, qualifier?: string) => {
  const result = resolveFunction(catalogue, scope, ref, qualifier, '$LATEST')
  return result.ok ? result.value.invokedArn : result.error
}

describe('resolveFunction', () => {
  it.each([
    ['f', undefined, `${base}:f`],
    ['f', '$LATEST', `${base}:f:$LATEST`],
    ['f:$LATEST', undefined, `${base}:f:$LATEST`],
    ['f:$LATEST', '$LATEST', `${base}:f:$LATEST`],
    ['123456789012:function:f', undefined, `${base}:f`],
    [`${base}:f`, '$LATEST', `${base}:f:$LATEST`],
  ])('%s with %s is %s', (ref, qualifier, arn) => {
    expect(resolve(ref, qualifier)).toBe(arn)
  })

  it.each([
    ['g', undefined, 'ResourceNotFoundException', `Function not found: ${base}:g:$LATEST`],
    ['f', '1', 'ResourceNotFoundException', `Function not found: ${base}:f:1`],
    ['f:prod', undefined, 'ResourceNotFoundException', `Function not found: ${base}:f:prod`],
    ['a.b', undefined, 'ResourceNotFoundException', `Function not found: ${base}:a.b`],
    ['f', '$LATEST\n', 'ResourceNotFoundException', `Function not found: ${base}:f:$LATEST\n`],
    [
      'f:1',
      '2',
      'InvalidParameterValueException',
      'The derived qualifier from the function name does not match the specified qualifier.',
    ],
    [
      'arn:aws:lambda:eu-west-1:123456789012:function:f',
      undefined,
      'ResourceNotFoundException',
      "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    ],
    [
      'arn:aws-cn:lambda:us-east-1:123456789012:function:f',
      undefined,
      'InvalidParameterValueException',
      'Invalid partition: aws-cn',
    ],
  ])('refuses %j with %j', (ref, qualifier, code, message) => {
    expect(resolve(ref, qualifier)).toEqual({ code, message })
  })

  it('tells nothing of the functions of another account', () => {
    const foreign = (name: string) => resolve(`arn:aws:lambda:us-east-1:210987654321:function:${name}`)
    expect(foreign('f')).toMatchObject({ code: 'AccessDeniedException' })
    expect(foreign('g')).toMatchObject({ code: 'AccessDeniedException' })
  })
})
