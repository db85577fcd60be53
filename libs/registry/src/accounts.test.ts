import { type AccessKey, type Account, accountId, limits } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import {
  addAccessKey,
  checkDeletion,
  createAccount,
  disableAccount,
  enableAccount,
  removeAccessKey,
  setAccessKeyStatus,
  setAccountLimits,
} from './accounts.ts'

const mib = 1024 * 1024
const shares = { poolBytes: 60 * mib, firstAccountBytes: 20 * mib, newAccountBytes: 8 * mib }
const key: AccessKey = { accessKeyId: 'AKIA1', secretAccessKey: 'secret', status: 'Active' }
const first: Account = {
  accountId: accountId('000000000000'),
  name: 'default',
  concurrencyLimit: 1_000,
  accessKeys: [key],
}
const make = (others: readonly Account[], wanted = {}, id = '111111111111', name = 'team a') =>
  createAccount(others, { accountId: id, name, limits: wanted }, shares, key, 5)

describe('accounts', () => {
  it('begin with the defaults of the fabric', () => {
    expect(make([first])).toEqual({
      ok: true,
      value: {
        accountId: '111111111111',
        name: 'team a',
        concurrencyLimit: 1_000,
        storageBytes: 8 * mib,
        createdAtMs: 5,
        accessKeys: [key],
      },
    })
  })

  it('have an id and a name that can be used, and an id of their own', () => {
    expect(make([], {}, '12')).toMatchObject({ error: { code: 'InvalidParameterValueException' } })
    expect(make([], {}, undefined, 'a\nb')).toMatchObject({ error: { code: 'InvalidParameterValueException' } })
    expect(make([first], {}, first.accountId)).toMatchObject({ error: { code: 'ResourceConflictException' } })
  })

  it('share the disk: each takes its storage and half as much for events', () => {
    // The first takes 30 of 60 MB, though its record does not say so.
    expect(make([first], { storageBytes: 20 * mib })).toMatchObject({ ok: true })
    expect(make([first], { storageBytes: 20 * mib + 2 })).toMatchObject({
      error: { message: expect.stringContaining(`${30 * mib} bytes are left`) },
    })
    const many: Account[] = [first]
    for (let n = 1; ; n++) {
      const made = make(many, {}, String(n).padStart(12, '0'))
      if (!made.ok) break
      many.push(made.value)
    }
    expect(many).toHaveLength(3)
  })

  it('may shrink though the disk has become too small for all', () => {
    const tight = { ...shares, poolBytes: 1 * mib }
    expect(setAccountLimits([first], first, { storageBytes: 10 * mib }, tight)).toMatchObject({ ok: true })
    expect(setAccountLimits([first], first, { storageBytes: 21 * mib }, tight)).toMatchObject({ ok: false })
    expect(setAccountLimits([first], first, { concurrency: 5 }, tight)).toMatchObject({ ok: true })
  })

  it.each([
    { concurrency: -1 },
    { concurrency: 0.5 },
    { storageBytes: 1 },
    { codeStorageBytes: -1 },
    { bucketStorageBytes: -1 },
    { requestsPerEnvironment: 0.5 },
  ])('take no limit %o', (wanted) => {
    expect(setAccountLimits([first], first, wanted, shares)).toMatchObject({
      error: { code: 'InvalidParameterValueException' },
    })
  })

  it('ask for an isolation until they are told to ask for none', () => {
    const asking = setAccountLimits([first], first, { isolation: 'gvisor' }, shares)
    expect(asking).toMatchObject({ ok: true, value: { isolation: 'gvisor' } })
    if (!asking.ok) return
    expect(setAccountLimits([first], asking.value, { concurrency: 5 }, shares)).toMatchObject({
      value: { isolation: 'gvisor', concurrencyLimit: 5 },
    })
    expect(setAccountLimits([first], asking.value, { isolation: '' }, shares)).toEqual({ ok: true, value: first })
    expect(setAccountLimits([first], first, { isolation: 'jail' }, shares)).toMatchObject({
      ok: false,
      error: { message: 'The isolation of an account is one of: none, container, gvisor, vm.' },
    })
  })

  it('limit what its buckets hold, until they are told not to', () => {
    const limited = setAccountLimits([first], first, { bucketStorageBytes: 1_000 }, shares)
    if (!limited.ok) throw new Error(limited.error.message)
    expect(limited.value.bucketStorageBytes).toBe(1_000)
    const other = setAccountLimits([first], limited.value, { concurrency: 5 }, shares)
    expect(other).toMatchObject({ value: { bucketStorageBytes: 1_000 } })
    const lifted = setAccountLimits([first], limited.value, { bucketStorageBytes: 0 }, shares)
    expect(lifted.ok && lifted.value).not.toHaveProperty('bucketStorageBytes')
  })

  it('are deleted only when they are disabled', () => {
    expect(checkDeletion(first)).toMatchObject({ error: { code: 'ResourceInUseException' } })
    expect(checkDeletion(disableAccount(first))).toMatchObject({ ok: true })
    expect(enableAccount(disableAccount(first))).toEqual(first)
  })

  it('have a few keys that come and go', () => {
    let account = first
    for (let n = 1; n < limits.accessKeys; n++) {
      const added = addAccessKey(account, { ...key, accessKeyId: `AKIA${n + 1}` })
      if (added.ok) account = added.value
    }
    expect(account.accessKeys).toHaveLength(limits.accessKeys)
    expect(addAccessKey(account, key)).toMatchObject({ ok: false })
    expect(setAccessKeyStatus(account, 'AKIA2', 'Inactive')).toMatchObject({
      value: { accessKeys: expect.arrayContaining([{ ...key, accessKeyId: 'AKIA2', status: 'Inactive' }]) },
    })
    expect(setAccessKeyStatus(account, 'AKIA2', 'Gone')).toMatchObject({ ok: false })
    expect(removeAccessKey(account, 'AKIA9')).toMatchObject({ error: { code: 'ResourceNotFoundException' } })
    expect(removeAccessKey(first, 'AKIA1')).toMatchObject({ value: { accessKeys: [] } })
  })
})
