import { readFile } from 'node:fs/promises'
import { operationNames } from '@weft/aws'
import { expect, it } from 'vitest'
import { servedOperations } from './api.ts'
import { type CallOperation, refusalOf, refusedOperations } from './refused.ts'

const calls: readonly CallOperation[] = ['Invoke', 'InvokeAsync', 'InvokeWithResponseStream']
const served = [...servedOperations, ...calls]
const refused = Object.keys(refusedOperations) as (keyof typeof refusedOperations)[]

const page = await readFile(new URL('../../../../docs/lambda-api.md', import.meta.url), 'utf8')
const named = (from: string, to: string): string[] =>
  [...page.slice(page.indexOf(from), page.indexOf(to)).matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name ?? '')

it('every operation of the API model is served or refused, none is both', () => {
  expect([...served, ...refused].toSorted()).toEqual([...operationNames].toSorted())
})

it('the page on the API lists the operations that are served, and no others', () => {
  expect(named('| group |', 'Every other operation').toSorted()).toEqual(served.toSorted())
})

it('and those that are refused, with the reason', () => {
  const table = page.slice(page.indexOf('| refused |'), page.indexOf('\n## Versions'))
  for (const name of refused) {
    const row = table.split('\n').find((line) => line.includes(`\`${name}\``)) ?? ''
    expect(row.replaceAll('`', '')).toContain(refusedOperations[name])
    expect(refusalOf(name)).toEqual({
      code: 'NotImplementedException',
      message: `${name} is not served by this fabric: ${refusedOperations[name]}.`,
    })
  }
})
