import { type Alias, accountId, type FunctionRecord } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { FunctionIndex } from './function-index.ts'
import { createFunction, updateFunctionCode, updateFunctionConfiguration } from './functions.ts'
import { checkPublish, deleteFunction, isPublished, publish } from './versions.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const offer = { runtimes: ['r'], architectures: ['x86_64' as const] }
const code = { digest: 'ab', sha256: 'q83v', sizeBytes: 10 }
const stamp = (n: number) => ({ nowMs: n, revisionId: `revision-${n}` })
const base = 'arn:aws:lambda:us-east-1:123456789012:function:f'
const made = createFunction(
  undefined,
  { FunctionName: 'f', Runtime: 'r', Role: 'role', Handler: 'h', Description: 'of latest' },
  { code },
  scope,
  offer,
  stamp(1),
)
if (!made.ok) throw new Error(made.error.message)
const record = made.value
const next = (result: ReturnType<typeof updateFunctionCode>): FunctionRecord => {
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}
const recode = (from: FunctionRecord, sha256: string) =>
  next(updateFunctionCode(from, { FunctionName: 'f' }, { code: { ...code, sha256 } }, scope, offer, stamp(5)))
const configure = (from: FunctionRecord, change: object) =>
  next(updateFunctionConfiguration(from, { FunctionName: 'f', ...change }, undefined, scope, offer, stamp(6)))

describe('publish', () => {
  it('freezes $LATEST under the next number', () => {
    const one = publish(record, undefined, stamp(2))
    expect(one.published).toMatchObject({
      functionId: record.functionId,
      version: { ...record.latest, version: '1', revisionId: 'revision-2', lastModifiedMs: 2 },
    })
    expect(one.record.latest).toBe(record.latest)
    const two = publish(one.record, 'its own words', stamp(3))
    expect(two.published.version).toMatchObject({ version: '2', description: 'its own words' })
    expect(publish(record, '', stamp(2)).published.version.description).toBe('of latest')
  })

  it('goes on after the numbers of a deleted function of the same name', () => {
    expect(publish({ ...record, lastVersion: 7 }, undefined, stamp(2)).published.version.version).toBe('8')
  })

  it('knows code and settings that were published already', () => {
    expect(isPublished(record)).toBe(false)
    const { record: after } = publish(record, 'another description', stamp(2))
    expect(isPublished(after)).toBe(true)
    // The same again is no change, though its revision is new.
    expect(isPublished(recode(after, code.sha256))).toBe(true)
    expect(isPublished(configure(after, { Timeout: 3 }))).toBe(true)
    expect(isPublished(recode(after, 'other'))).toBe(false)
    expect(isPublished(configure(after, { Timeout: 4 }))).toBe(false)
    expect(isPublished(configure(after, { Environment: { Variables: { A: 'b' } } }))).toBe(false)
    expect(isPublished(configure(after, { Description: 'new' }))).toBe(false)
  })

  it.each([
    [{}, undefined],
    [{ CodeSha256: 'q83v', RevisionId: 'revision-1' }, undefined],
    [{ CodeSha256: '', Description: '' }, undefined],
    [
      { CodeSha256: 'xyz' },
      'CodeSHA256 (xyz) is different from current CodeSHA256 in $LATEST (q83v). Please try again with the CodeSHA256 in $LATEST.',
    ],
    [
      { RevisionId: 'revision-0' },
      'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    ],
    [{ PublishTo: 'LATEST_PUBLISHED' }, 'PublishTo is not served by this fabric.'],
    [{ FunctionName: 'f:1' }, 'Only $LATEST can be published; published versions and aliases cannot.'],
  ])('checks %j', (input, message) => {
    const checked = checkPublish(record, { FunctionName: 'f', ...input }, scope)
    expect(checked.ok ? undefined : checked.error.message).toBe(message)
  })

  it('needs the function', () => {
    const checked = checkPublish(undefined, { FunctionName: 'f' }, scope)
    expect(checked).toMatchObject({
      error: { code: 'ResourceNotFoundException', message: `Function not found: ${base}` },
    })
  })
})

describe('deleteFunction', () => {
  const index = new FunctionIndex()
  const whose = { accountId: scope.accountId, functionName: record.functionName }
  index.put({ kind: 'function', ...whose }, record)
  const alias = (name: string, functionVersion: string, second?: string): void =>
    index.put({ kind: 'alias', ...whose, qualifier: name }, {
      ...whose,
      functionId: record.functionId,
      name,
      functionVersion,
      ...(second !== undefined && { additional: { version: second, weight: 0 } }),
    } as Alias)
  alias('live', '1', '2')
  alias('beta', '2')

  it.each([
    ['f', undefined, { kind: 'function' }],
    ['f:3', undefined, { kind: 'version', version: '3' }],
    [`${base}`, '3', { kind: 'version', version: '3' }],
    ['f', '$LATEST', '$LATEST version cannot be deleted without deleting the function.'],
    ['f:live', undefined, 'Deletion of aliases is not currently supported.'],
    ['f', '1', 'Unable to delete version because the following aliases reference it: [live]'],
    ['f', '2', 'Unable to delete version because the following aliases reference it: [beta, live]'],
    ['f:1', '2', 'The derived qualifier from the function name does not match the specified qualifier.'],
  ])('%s with %s: %j', (ref, qualifier, expected) => {
    const allowed = deleteFunction(index, record, scope, ref, qualifier)
    expect(allowed.ok ? allowed.value : allowed.error.message).toEqual(expected)
  })

  it('needs the function', () => {
    const allowed = deleteFunction(index, undefined, scope, 'f', '3')
    expect(allowed).toMatchObject({ error: { message: `Function not found: ${base}:3` } })
  })
})
