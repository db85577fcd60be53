import { type Alias, accountId, type FunctionRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { createAlias, nameAliasOwner, updateAlias } from './aliases.ts'
import { describeAlias } from './describe.ts'
import type { CreateAliasInput, UpdateAliasInput } from './inputs.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const base = 'arn:aws:lambda:us-east-1:123456789012:function:f'
const record = {
  accountId: scope.accountId,
  functionName: 'f',
  functionArn: base,
  functionId: 'life',
} as unknown as FunctionRecord
const versions = {
  version: (_account: string, _name: string, version: string) =>
    ['1', '2', '3'].includes(version) ? ({ version } as FunctionRecord['latest']) : undefined,
}
const weights = (AdditionalVersionWeights: Record<string, number>) => ({ RoutingConfig: { AdditionalVersionWeights } })

const create = (change: Partial<CreateAliasInput> = {}, existing?: Alias) =>
  createAlias(existing, { Name: 'live', FunctionVersion: '1', ...change }, record, versions, scope, 'r1')
const created = (change: Partial<CreateAliasInput> = {}): Alias => {
  const result = create(change)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const update = (alias: Alias | undefined, change: Partial<UpdateAliasInput>) =>
  updateAlias(alias, { Name: 'live', ...change }, record, versions, scope, 'r2')
const refusal = (result: ReturnType<typeof create>) => (result.ok ? undefined : result.error)

describe('createAlias', () => {
  it('shows as AWS shows it', () => {
    expect(describeAlias(record, created({ Description: 'd', ...weights({ 2: 0.1 }) }))).toEqual({
      AliasArn: `${base}:live`,
      Name: 'live',
      FunctionVersion: '1',
      Description: 'd',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.1 } },
      RevisionId: 'r1',
    })
    expect(describeAlias(record, created({ RoutingConfig: {} }))).toEqual({
      AliasArn: `${base}:live`,
      Name: 'live',
      FunctionVersion: '1',
      Description: '',
      RevisionId: 'r1',
    })
  })

  it.each([
    [{ FunctionVersion: '9' }, 'ResourceNotFoundException', `Function not found: ${base}:9`],
    [weights({ 9: 0.1 }), 'ResourceNotFoundException', `Function not found: ${base}:9`],
    [
      weights({ 2: 0.1, 3: 0.1 }),
      'InvalidParameterValueException',
      'Number of items in AdditionalVersionWeights cannot be greater than 1',
    ],
    [
      weights({ 1: 0.1 }),
      'InvalidParameterValueException',
      'Invalid function version 1. Function version 1 is already included in routing configuration.',
    ],
    [
      { FunctionVersion: '$LATEST', ...weights({ 1: 0.1 }) },
      'InvalidParameterValueException',
      '$LATEST is not supported for an alias pointing to more than 1 version',
    ],
    [weights({ 2: Number.NaN }), 'InvalidParameterValueException', 'The weight of version 2 must be from 0.0 to 1.0.'],
    [
      { FunctionVersion: '$LATEST.PUBLISHED' },
      'InvalidParameterValueException',
      '$LATEST.PUBLISHED is not served by this fabric.',
    ],
  ])('refuses %j', (change, code, message) => {
    expect(refusal(create(change))).toMatchObject({ code, message })
  })

  it('refuses a name that is taken, and a qualified function', () => {
    expect(refusal(create({}, created()))).toEqual({
      code: 'ResourceConflictException',
      message: `Alias already exists: ${base}:live`,
    })
    expect(nameAliasOwner(scope, 'f:1').ok).toBe(false)
    expect(nameAliasOwner(scope, base).ok).toBe(true)
  })
})

describe('updateAlias', () => {
  const alias = created({ Description: 'd', ...weights({ 2: 0.1 }) })

  it('keeps what is not given and makes a new revision each time', () => {
    expect(update(alias, {})).toEqual({ ok: true, value: { ...alias, revisionId: 'r2' } })
    expect(update(alias, { FunctionVersion: '3' })).toMatchObject({
      value: { functionVersion: '3', description: 'd', additional: { version: '2', weight: 0.1 } },
    })
  })

  it('ends the routing with an empty one', () => {
    for (const RoutingConfig of [{}, { AdditionalVersionWeights: {} }]) {
      const updated = update(alias, { FunctionVersion: '2', RoutingConfig })
      expect(updated.ok && updated.value).not.toHaveProperty('additional')
    }
  })

  it.each([
    [alias, { RevisionId: 'stale' }, 'PreconditionFailedException'],
    [alias, { FunctionVersion: '2' }, 'InvalidParameterValueException'],
    [alias, { FunctionVersion: '$LATEST' }, 'InvalidParameterValueException'],
    [alias, { FunctionVersion: '9' }, 'ResourceNotFoundException'],
    [undefined, {}, 'ResourceNotFoundException'],
  ])('refuses case %#', (from, change, code) => {
    expect(refusal(update(from, change))?.code).toBe(code)
  })

  it('words its refusals as AWS does', () => {
    expect(refusal(update(undefined, {}))?.message).toBe(`Alias not found: ${base}:live`)
    expect(refusal(update(alias, { RevisionId: 'stale' }))?.message).toBe(
      'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    )
  })
})
