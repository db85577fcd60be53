import { accountId, type EventSourceMapping, type KafkaSettings } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { type Broker, readBrokerBook } from '../broker-book.ts'
import { kafkaAccess } from './kafka-access.ts'

const account = accountId('123456789012')
const arn = 'arn:aws:kafka:us-east-1:123456789012:cluster/sales/abcd-1'
const uri = (name: string) => `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}`
const sales: Broker = {
  kind: 'kafka',
  servers: ['10.0.0.1:9092', '10.0.0.2:9092'],
  accounts: [account],
  secrets: {
    [uri('login')]: { username: 'ada', password: 'secret' },
    [uri('client')]: { certificate: 'CERT', privateKey: 'KEY', privateKeyPassword: 'secret' },
    [uri('ca')]: { certificate: 'CA' },
    [uri('empty')]: {},
  },
}
const mapping = (kafka?: Partial<KafkaSettings>, eventSourceArn = arn) =>
  ({
    accountId: account,
    eventSourceArn,
    kafka: { consumerGroupId: 'g', access: [], ...kafka },
  }) as unknown as EventSourceMapping
const book = new Map([['sales', sales]])
const access = (...list: KafkaSettings['access']) => kafkaAccess(mapping({ access: list }), book)

describe('how a cluster is reached', () => {
  it('is found by the name in an ARN, or by a server that both name', () => {
    expect(kafkaAccess(mapping(), book)).toEqual({ ok: true, value: { servers: sales.servers } })
    expect(kafkaAccess(mapping({ bootstrapServers: ['x:1', '10.0.0.2:9092'] }), book)).toMatchObject({
      value: { servers: sales.servers },
    })
    const problem = (text: string) => ({ ok: false, error: text })
    expect(kafkaAccess(mapping({ bootstrapServers: ['10.0.0.3:9092'] }), book)).toEqual(
      problem('PROBLEM: There is no kafka broker at 10.0.0.3:9092 for this account.'),
    )
    const others = new Map([['sales', { ...sales, accounts: [accountId('210987654321')] }]])
    expect(kafkaAccess(mapping({ bootstrapServers: ['10.0.0.1:9092'] }), others)).toEqual(
      problem('PROBLEM: There is no kafka broker at 10.0.0.1:9092 for this account.'),
    )
    expect(kafkaAccess(mapping(), others)).toEqual(
      problem('PROBLEM: There is no kafka broker "sales" for this account.'),
    )
  })

  it('is by the secrets that are named', () => {
    expect(access({ type: 'BASIC_AUTH', uri: uri('login') })).toMatchObject({
      value: { sasl: { mechanism: 'PLAIN', username: 'ada', password: 'secret' } },
    })
    expect(access({ type: 'SASL_SCRAM_256_AUTH', uri: uri('login') })).toMatchObject({
      value: { sasl: { mechanism: 'SCRAM-SHA-256' } },
    })
    expect(
      access(
        { type: 'SASL_SCRAM_512_AUTH', uri: uri('login') },
        { type: 'CLIENT_CERTIFICATE_TLS_AUTH', uri: uri('client') },
        { type: 'SERVER_ROOT_CA_CERTIFICATE', uri: uri('ca') },
      ),
    ).toMatchObject({
      value: {
        sasl: { mechanism: 'SCRAM-SHA-512' },
        tls: { ca: 'CA', cert: 'CERT', key: 'KEY', passphrase: 'secret' },
      },
    })
  })

  it('is told without secrets where one is missing or not enough', () => {
    const none = access({ type: 'BASIC_AUTH', uri: uri('none') })
    expect(none).toEqual({ ok: false, error: `PROBLEM: There is no secret ${uri('none')} for this account's Kafka.` })
    for (const type of ['BASIC_AUTH', 'CLIENT_CERTIFICATE_TLS_AUTH', 'SERVER_ROOT_CA_CERTIFICATE'] as const)
      expect(access({ type, uri: uri('empty') })).toEqual({
        ok: false,
        error: `PROBLEM: The secret ${uri('empty')} lacks what ${type} needs.`,
      })
  })

  it.each([
    [{ ...sales, servers: undefined }, /servers must be/],
    [{ ...sales, servers: ['no port'] }, /servers must be/],
    [{ ...sales, tls: 'yes' }, /tls must be/],
    [{ ...sales, secrets: { x: { username: 7 } } }, /secrets must be/],
    [{ ...sales, secrets: [] }, /secrets must be/],
  ])('is refused in the book with what is wrong, without secrets', (broker, reason) => {
    const read = readBrokerBook(JSON.stringify({ sales: broker }))
    expect(read.ok ? '' : read.error).toMatch(reason)
    expect(read.ok ? '' : read.error).not.toContain('ada')
    expect(readBrokerBook(JSON.stringify({ sales })).ok).toBe(true)
  })
})
