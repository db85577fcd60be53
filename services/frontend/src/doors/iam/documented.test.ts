import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { iamOperationNames } from './iam-door.ts'
import { refusedIam } from './refused.ts'

it('the page on identity lists the operations that are served, and no others', async () => {
  const page = await readFile(new URL('../../../../../docs/identity.md', import.meta.url), 'utf8')
  const table = page.slice(page.indexOf('| API |'), page.indexOf('Others are refused'))
  const listed = [...table.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? '')
  const served = [...iamOperationNames, 'AssumeRole', 'GetCallerIdentity', 'GetSessionToken']
  expect(listed.toSorted()).toEqual(served.toSorted())
})

it('no operation is served and refused', () => {
  expect(iamOperationNames.filter((name) => Object.hasOwn(refusedIam, name))).toEqual([])
})
