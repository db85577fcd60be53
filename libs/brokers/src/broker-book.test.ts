import { accountId } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { brokerFor, brokerOfKind, readBrokerBook } from './broker-book.ts'

const account = accountId('123456789012')
const redis = { kind: 'redis', url: 'redis://:secret@127.0.0.1:6379', accounts: [account] }

describe('the file of brokers', () => {
  it('names brokers for accounts', () => {
    const book = readBrokerBook(JSON.stringify({ cache: redis, cloud: { kind: 'aws', accounts: [account] } }))
    if (!book.ok) throw new Error(book.error)
    expect(brokerFor(book.value, account, 'redis', 'cache')).toEqual({ ok: true, value: redis })
    expect(brokerOfKind(book.value, account, 'aws').ok).toBe(true)
    const unknown = (name: string) => ({
      ok: false,
      error: `PROBLEM: There is no rabbitmq broker "${name}" for this account.`,
    })
    expect(brokerFor(book.value, account, 'rabbitmq', 'cache')).toEqual(unknown('cache'))
    expect(brokerFor(book.value, account, 'rabbitmq', 'none')).toEqual(unknown('none'))
    // Another account hears the same of a broker that is there as of one that is not.
    const other = accountId('210987654321')
    expect(brokerFor(book.value, other, 'redis', 'cache')).toMatchObject({ error: expect.stringMatching(/^PROBLEM/) })
    expect(brokerOfKind(book.value, other, 'aws').ok).toBe(false)
  })

  it.each([
    ['{', /no JSON/],
    ['[]', /no object/],
    [JSON.stringify({ 'a b': redis }), /letters, digits/],
    [JSON.stringify({ a: { ...redis, kind: 'telnet' } }), /kind must be one of/],
    [JSON.stringify({ a: { ...redis, url: 'secret' } }), /url must be a URL/],
    [JSON.stringify({ a: { kind: 'redis', accounts: [account] } }), /url is missing/],
    [JSON.stringify({ a: { ...redis, accounts: 'all' } }), /list of account ids/],
    [JSON.stringify({ a: null }), /kind must be one of/],
    [JSON.stringify({ a: { kind: 'aws', accounts: [], accessKeyId: 1 } }), /accessKeyId must be text/],
  ])('is refused with what is wrong, without secrets: %s', (text, reason) => {
    const read = readBrokerBook(text)
    expect(read.ok ? '' : read.error).toMatch(reason)
    expect(read.ok ? '' : read.error).not.toContain('secret')
  })
})
