import { accountId } from '@weft/contracts'
import { MemoryCatalogue } from '@weft/registry/testing'
import { expect, test } from 'vitest'
import { ensureDefaultAccount } from './default-account.ts'

const id = accountId('000000000000')

test('the account and its key are made once', async () => {
  const { stores } = new MemoryCatalogue()
  const first = await ensureDefaultAccount(stores, id, 5)
  expect(first.account).toMatchObject({ accountId: id, storageBytes: 5, accessKeys: [first.accessKey] })
  expect(await ensureDefaultAccount(stores, id, 6)).toEqual(first)
})

test('an account whose keys were all taken away gets a new one, so that the fabric can be reached', async () => {
  const { stores, accountStore } = new MemoryCatalogue()
  const first = await ensureDefaultAccount(stores, id, 5)
  const old = { ...first.accessKey, status: 'Inactive' as const }
  accountStore.put(id, { ...first.account, accessKeys: [old] })
  const second = await ensureDefaultAccount(stores, id, 5)
  expect(second.account.accessKeys).toEqual([old, second.accessKey])
  expect(second.accessKey.status).toBe('Active')
})
