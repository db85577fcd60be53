import { type Alias, accountId, type FunctionRecord, functionName, type PublishedVersion } from '@weft/contracts'
import { expect, it } from 'vitest'
import { catalogueKeyText, FunctionIndex } from './function-index.ts'

const account = accountId('123456789012')
const name = functionName('f')
const whose = { accountId: account, functionName: name }
const record = (functionId: string) => ({ ...whose, functionId }) as FunctionRecord
const version = (number: string, functionId: string) =>
  ({ ...whose, functionId, version: { version: number } }) as PublishedVersion

it('sees only what belongs to the function as it is now, and names the rest for removal', () => {
  const index = new FunctionIndex()
  const put = (number: string, life: string) =>
    index.put({ kind: 'version', ...whose, qualifier: number }, version(number, life))
  put('1', 'first')
  index.put({ kind: 'alias', ...whose, qualifier: 'live' }, { name: 'live', functionId: 'first' } as Alias)
  expect(index.versions(account, name)).toEqual([])
  index.put({ kind: 'function', ...whose }, record('second'))
  put('10', 'second')
  put('9', 'second')
  expect(index.versions(account, name).map((one) => one.version)).toEqual(['9', '10'])
  expect(index.version(account, name, '1')).toBeUndefined()
  expect(index.alias(account, name, 'live')).toBeUndefined()
  expect(index.aliases(account, name)).toEqual([])
  expect(index.leftovers(account, name).map(({ key, functionId }) => `${catalogueKeyText(key)} ${functionId}`)).toEqual(
    [
      '123456789012.f.alias.live first',
      '123456789012.f.version.1 first',
      '123456789012.f.version.10 second',
      '123456789012.f.version.9 second',
    ],
  )
})

it('lists functions in order of name, as they are now', () => {
  const index = new FunctionIndex()
  const put = (text: string, value?: FunctionRecord) =>
    index.put({ kind: 'function', accountId: account, functionName: functionName(text) }, value)
  const named = (text: string) => ({ ...whose, functionName: functionName(text) }) as FunctionRecord
  put('b', named('b'))
  put('a', named('a'))
  expect(index.functions(account).map((one) => one.functionName)).toEqual(['a', 'b'])
  put('a')
  expect(index.functions(account).map((one) => one.functionName)).toEqual(['b'])
  expect(index.functions(accountId('210987654321'))).toEqual([])
})

it('finds the function of a URL for as long as the function has it', () => {
  const index = new FunctionIndex()
  const key = { kind: 'function' as const, ...whose }
  const withUrls = (urls: Readonly<Record<string, string>>) =>
    ({
      ...record('life'),
      urls: Object.fromEntries(Object.entries(urls).map(([qualifier, urlId]) => [qualifier, { urlId }])),
    }) as unknown as FunctionRecord
  const both = withUrls({ $LATEST: 'one', live: 'two' })
  index.put(key, both)
  expect(index.functionOfUrl('one')).toEqual({ record: both, qualifier: '$LATEST' })
  expect(index.functionOfUrl('two')).toEqual({ record: both, qualifier: 'live' })
  index.put(key, withUrls({ live: 'two' }))
  expect(index.functionOfUrl('one')).toBeUndefined()
  index.put(key, undefined)
  expect(index.functionOfUrl('two')).toBeUndefined()
})
