import type { Alias, FunctionRecord } from '@weft/contracts'
import { expect, test } from 'vitest'
import { qualifiersWith } from './by-qualifier.ts'
import { reserveConcurrency, unreservedConcurrency } from './concurrency.ts'
import { checkProvisionedAlias, describeProvisioned, provision } from './provisioned.ts'
import { MemoryCatalogue, recordNamed } from './testing/index.ts'

const base = recordNamed('f')
const { accountId, functionName, functionArn } = base
const catalogue = new MemoryCatalogue()
catalogue.functionStore.put(`${accountId}.f`, base)
const ofThisLife = { accountId, functionName, ...(base.functionId !== undefined && { functionId: base.functionId }) }
for (const number of ['1', '2'])
  catalogue.versionStore.put(`${accountId}.f.version.${number}`, {
    ...ofThisLife,
    version: { ...base.latest, version: number },
  })
const alias = (name: string, functionVersion: string): Alias => ({
  ...ofThisLife,
  name,
  functionVersion,
  description: '',
  revisionId: 'r',
})
for (const [name, version] of [
  ['live', '1'],
  ['also', '1'],
  ['edge', '$LATEST'],
] as const)
  catalogue.aliasStore.put(`${accountId}.f.alias.${name}`, alias(name, version))

const ask = (record: FunctionRecord, qualifier: string, wanted: number, functions: readonly FunctionRecord[] = []) =>
  provision(record, { qualifier, wanted, accountLimit: 1_000, functions, nowMs: 5 }, catalogue)
const made = (record: FunctionRecord, qualifier: string, wanted: number): FunctionRecord => {
  const result = ask(record, qualifier, wanted)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const refusal = (result: ReturnType<typeof ask>) => (result.ok ? undefined : result.error)

test('environments are provisioned for versions and aliases, and counted as taken from the account', () => {
  const both = made(made(base, 'live', 3), '2', 4)
  expect(qualifiersWith(both, 'provisioned')).toEqual(['2', 'live'])
  expect(unreservedConcurrency(1_000, [both])).toBe(993)
  expect(unreservedConcurrency(1_000, [{ ...both, reservedConcurrency: 50 }])).toBe(950)
  expect(made(both, 'live', 1).provisioned?.live).toEqual({ requested: 1, lastModifiedMs: 5 })
})

test.each<[string, FunctionRecord, string, number, string, string]>([
  [
    '$LATEST',
    base,
    '$LATEST',
    1,
    'InvalidParameterValueException',
    'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
  ],
  [
    'an alias of $LATEST',
    base,
    'edge',
    1,
    'InvalidParameterValueException',
    'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
  ],
  ['a missing version', base, '9', 1, 'ResourceNotFoundException', `Function not found: ${functionArn}:9`],
  ['a missing alias', base, 'none', 1, 'ResourceNotFoundException', `Cannot find alias arn: ${functionArn}:none`],
  [
    'a second alias of a version',
    made(base, 'live', 1),
    'also',
    1,
    'ResourceConflictException',
    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
  ],
  [
    'a version behind an alias that has some',
    made(base, 'live', 1),
    '1',
    1,
    'ResourceConflictException',
    'Version is pointed by a Provisioned Concurrency alias',
  ],
  [
    'more than is reserved',
    made({ ...base, reservedConcurrency: 5 }, 'live', 3),
    '2',
    3,
    'InvalidParameterValueException',
    'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
  ],
  [
    'more than the account has',
    base,
    '1',
    1_001,
    'InvalidParameterValueException',
    "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
  ],
  [
    'what the unreserved pool must keep',
    base,
    '1',
    901,
    'InvalidParameterValueException',
    "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
  ],
])('refuses %s', (_what, record, qualifier, wanted, code, message) => {
  expect(refusal(ask(record, qualifier, wanted))).toEqual({ code, message })
})

test('no less can be reserved than is provisioned', () => {
  expect(reserveConcurrency(made(base, '1', 2), 1, 1_000, [])).toMatchObject({
    error: {
      message:
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
    },
  })
})

test('shows how far the fabric is', () => {
  const wanted = { requested: 2, lastModifiedMs: 0 }
  expect(describeProvisioned(wanted, undefined)).toEqual({
    RequestedProvisionedConcurrentExecutions: 2,
    AvailableProvisionedConcurrentExecutions: 0,
    AllocatedProvisionedConcurrentExecutions: 0,
    Status: 'IN_PROGRESS',
    LastModified: '1970-01-01T00:00:00.000+0000',
  })
  const failed = { allocated: 2, available: 0, status: 'FAILED', statusReason: 'FUNCTION_ERROR_INIT_FAILURE' } as const
  expect(describeProvisioned(wanted, failed)).toMatchObject({
    AllocatedProvisionedConcurrentExecutions: 2,
    Status: 'FAILED',
    StatusReason: 'FUNCTION_ERROR_INIT_FAILURE',
  })
})

test('an alias with provisioned environments is moved to free versions alone', () => {
  const aliases = catalogue.aliases(accountId, functionName)
  const move = (record: FunctionRecord, name: string, to: string) => {
    const refused = checkProvisionedAlias(record, alias(name, to), aliases, catalogue)
    return refused && refusal(refused)?.message
  }
  const record = made(made(base, 'live', 1), '2', 1)
  expect(move(record, 'also', '2')).toBeUndefined()
  expect(move(record, 'live', '1')).toBeUndefined()
  expect(move(record, 'live', '2')).toMatch(/already Provisioned version$/)
  expect(move(record, 'live', '$LATEST')).toMatch(/unpublished function versions\.$/)
  const ofEdge = { ...base, provisioned: { live: record.provisioned?.live, edge: record.provisioned?.live } }
  expect(move(ofEdge as FunctionRecord, 'edge', '1')).toMatch(/already Provisioned version$/)
})
