import { readFile } from 'node:fs/promises'
import { operationNames } from '@weft/aws'
import { expect, it } from 'vitest'
import { servedOperations } from './api.ts'

it('the page on the API lists the operations that are served, and no others', async () => {
  const page = await readFile(new URL('../../../../docs/lambda-api.md', import.meta.url), 'utf8')
  const table = page.slice(page.indexOf('| group |'), page.indexOf('Every other operation'))
  const listed = [...table.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? '')
  expect(listed.toSorted()).toEqual(
    [...servedOperations, 'Invoke', 'InvokeAsync', 'InvokeWithResponseStream'].toSorted(),
  )
  expect(listed.filter((name) => !(operationNames as readonly string[]).includes(name))).toEqual([])
})
