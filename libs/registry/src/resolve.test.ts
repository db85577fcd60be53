import { type Alias, accountId, type FunctionRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { FunctionIndex } from './function-index.ts'
import { createFunction } from './functions.ts'
import { resolveCall, resolveFunction } from './resolve.ts'
import { publish } from './versions.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const base = 'arn:aws:lambda:us-east-1:123456789012:function'
const made = createFunction(
  undefined,
  { FunctionName: 'f', Runtime: 'r', Role: 'role', Handler: 'h' },
  { code: { digest: '', sha256: '', sizeBytes: 1 } },
  scope,
  { runtimes: ['r'], architectures: ['x86_64'] },
  { nowMs: 0, revisionId: '' },
)
const record = (made as { value: FunctionRecord }).value
const index = new FunctionIndex()
const whose = { accountId: scope.accountId, functionName: record.functionName }
index.put({ kind: 'function', ...whose }, record)
const one = publish(record, undefined, { nowMs: 1, revisionId: 'one' })
const two = publish(one.record, undefined, { nowMs: 2, revisionId: 'two' })
for (const { published } of [one, two])
  index.put({ kind: 'version', ...whose, qualifier: published.version.version }, published)
const alias = (name: string, functionVersion: string, weight?: number, life = record.functionId): void =>
  index.put({ kind: 'alias', ...whose, qualifier: name }, {
    ...whose,
    functionId: life,
    name,
    functionVersion,
    description: '',
    revisionId: '',
    ...(weight !== undefined && { additional: { version: '2', weight } }),
  } as Alias)
alias('live', '1', 0.25)
alias('never', '1', 0)
alias('always', '1', 1)
alias('tip', '$LATEST')
alias('dangling', '7')
alias('former', '1', undefined, 'another life')

const resolve = (ref: string, qualifier?: string) => {
  const result = resolveCall(index, scope, ref, qualifier, () => 0)
  return result.ok ? result.value.invokedArn : result.error
}

describe('an alias', () => {
  const versionAt = (qualifier: string, drawn: number): string | undefined => {
    const found = resolveCall(index, scope, 'f', qualifier, () => drawn)
    return found.ok ? found.value.version.version : undefined
  }

  it('leads a call to its second version as often as its weight says', () => {
    expect([0, 0.2499, 0.25, 0.9999].map((drawn) => versionAt('live', drawn))).toEqual(['2', '2', '1', '1'])
    expect([0, 0.9999].map((drawn) => versionAt('never', drawn))).toEqual(['1', '1'])
    expect([0, 0.9999].map((drawn) => versionAt('always', drawn))).toEqual(['2', '2'])
    expect(versionAt('tip', 0)).toBe('$LATEST')
  })

  it('shows its first version to management, whatever is drawn', () => {
    const found = resolveFunction(index, scope, 'f:always')
    expect(found).toMatchObject({ ok: true, value: { version: { version: '1' }, qualifier: 'always' } })
  })

  it('does not exist when its version is gone or it belonged to a deleted function', () => {
    expect(versionAt('dangling', 0)).toBeUndefined()
    expect(versionAt('former', 0)).toBeUndefined()
  })

  it('keeps its name in the ARN that the function sees', () => {
    expect(resolve('f:live')).toBe(`${base}:f:live`)
    expect(resolve('f', '2')).toBe(`${base}:f:2`)
  })
})

describe('resolveCall', () => {
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
    ['f', '3', 'ResourceNotFoundException', `Function not found: ${base}:f:3`],
    ['f', '01', 'ResourceNotFoundException', `Function not found: ${base}:f:01`],
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
