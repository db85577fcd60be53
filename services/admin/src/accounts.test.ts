import { type Account, type AccountId, accountId } from '@weft/contracts'
import type { AccountBus } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { FakeClock } from '@weft/platform/testing'
import { MemoryStore } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { Accounts } from './accounts.ts'

const mib = 1024 * 1024
const shares = { poolBytes: 100 * mib, firstAccountBytes: 20 * mib, newAccountBytes: 8 * mib }
const one = accountId('111111111111')

/** What was done, in order, and what the bus knows. */
let done: string[]
let known: Set<AccountId>
let refuse: (step: string) => void
let store: MemoryStore<Account>
let accounts: Accounts

const step = (text: string): void => {
  refuse(text)
  done.push(text)
}
const bus: AccountBus = {
  async settle({ accountId: id, disabled, storageBytes }) {
    known.add(id)
    step(`settle ${id}${disabled ? ' disabled' : ''} ${(storageBytes ?? 0) / mib}`)
  },
  prove: async (id) => step(`prove ${id}`),
  close: async (id) => step(`close ${id}`),
  clientCreds: async (id) => `creds of ${id}`,
  async erase(id) {
    known.delete(id)
    step(`erase ${id}`)
    const stored = await store.read(id)
    if (stored) await store.remove(id, stored.revision)
  },
  known: () => [...known],
}

beforeEach(() => {
  done = []
  known = new Set()
  refuse = () => undefined
  store = new MemoryStore<Account>((key, removed) => done.push(`${removed ? 'remove' : 'store'} ${key}`))
  let drawn = 0
  accounts = new Accounts({
    store,
    list: () => [...store.entries.values()].map(({ value }) => value),
    bus,
    doorsKnow: async () => void done.push('doors know'),
    shares,
    clock: new FakeClock(),
    log: silentLogger,
    drawId: () => String(++drawn).padStart(12, '0'),
  })
})
const create = (id: string = one) => accounts.create({ name: 'a', accountId: id, limits: {} })

describe('creating an account', () => {
  it('makes it real on the bus before any door finds it', async () => {
    const made = await create()
    expect(made).toMatchObject({ ok: true, value: { natsCreds: `creds of ${one}` } })
    expect(done).toEqual([`settle ${one} 8`, `prove ${one}`, `store ${one}`, 'doors know'])
  })

  it('draws an id that is free', async () => {
    await create('000000000001')
    expect(await create('')).toMatchObject({ value: { account: { accountId: '000000000002' } } })
  })

  it('is undone when the bus fails half way', async () => {
    refuse = (text) => {
      if (text.startsWith('prove')) throw new Error('no JetStream')
    }
    await expect(create()).rejects.toThrow('no JetStream')
    expect(done).toEqual([`settle ${one} 8`, `erase ${one}`])
    expect(accounts.list()).toEqual([])
  })

  it('begins with nothing of what an earlier account of the id left', async () => {
    known.add(one)
    await create()
    expect(done[0]).toBe(`erase ${one}`)
  })

  it('does one after another, so that no two get the same piece of disk', async () => {
    const made = await Promise.all(Array.from({ length: 12 }, () => create('')))
    expect(made.filter(({ ok }) => ok)).toHaveLength(8)
    expect(made.find(({ ok }) => !ok)).toMatchObject({ error: { code: 'InvalidParameterValueException' } })
  })
})

describe('changing an account', () => {
  it('changes the record first, from which the doors know, and then the bus', async () => {
    await create()
    done = []
    await accounts.disable(one)
    expect(done).toEqual([`store ${one}`, `settle ${one} disabled 8`, 'doors know'])
  })

  it('leaves the bus alone where that is not concerned', async () => {
    await create()
    done = []
    await accounts.setLimits(one, { concurrency: 5 })
    await accounts.createKey(one)
    expect(done).toEqual([`store ${one}`, 'doors know', `store ${one}`, 'doors know'])
  })

  it('is laid over a change that came in between', async () => {
    await create()
    store.beforeWrite = async () => {
      store.beforeWrite = () => Promise.resolve()
      const stored = await store.read(one)
      if (stored) store.put(one, { ...stored.value, name: 'renamed' })
    }
    expect(await accounts.setLimits(one, { concurrency: 5 })).toMatchObject({
      value: { name: 'renamed', concurrencyLimit: 5 },
    })
  })

  it('knows no account that is not there', async () => {
    for (const id of ['999999999999', 'x', ''])
      for (const result of [
        accounts.get(id),
        await accounts.disable(id),
        await accounts.delete(id),
        await accounts.creds(id),
      ])
        expect(result).toMatchObject({ error: { code: 'ResourceNotFoundException' } })
  })

  it('deletes only what is disabled', async () => {
    await create()
    expect(await accounts.delete(one)).toMatchObject({ error: { code: 'ResourceInUseException' } })
    await accounts.disable(one)
    expect(await accounts.delete(one)).toMatchObject({ ok: true })
    expect(accounts.list()).toEqual([])
  })
})

describe('reconciling', () => {
  it('settles every account and shuts, without erasing, what no record knows of', async () => {
    await create()
    await accounts.disable(one)
    known.add(accountId('222222222222'))
    done = []
    await accounts.reconcile()
    expect(done).toEqual([`settle ${one} disabled 8`, 'close 222222222222'])
  })
})
