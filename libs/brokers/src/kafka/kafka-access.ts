import { type EventSourceMapping, err, ok, type Result } from '@weft/contracts'
import { type Broker, type BrokerBook, brokerFor } from '../broker-book.ts'

/** How the brokers of a cluster are reached. */
export interface KafkaAccess {
  /** `host:port` of the brokers that are asked first. */
  readonly servers: readonly string[]
  /** Present: TLS. */
  readonly tls?: {
    /** Certificates of authorities that the brokers' are checked with, beside the system's. PEM. */
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly passphrase?: string
  }
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
    readonly username: string
    readonly password: string
  }
}

const mechanisms = {
  BASIC_AUTH: 'PLAIN',
  SASL_SCRAM_256_AUTH: 'SCRAM-SHA-256',
  SASL_SCRAM_512_AUTH: 'SCRAM-SHA-512',
} as const

/** NAME of `arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/UUID`. */
const clusterIn = (arn: string): string | undefined =>
  /^arn:aws:kafka:[a-z0-9-]+:\d{12}:cluster\/([\w-]{1,64})\/[\w-]+$/.exec(arn)?.[1]

/**
 * The cluster of a mapping, as the book of brokers knows it: by the name in an ARN, or by a server that both name. Secrets
 * are the broker's, by their URIs, with the members that AWS wants in them. The error is for LastProcessingResult and
 * repeats no secret.
 */
export function kafkaAccess(mapping: EventSourceMapping, book: BrokerBook): Result<KafkaAccess, string> {
  const broker = brokerOf(mapping, book)
  if (!broker.ok) return broker
  let tls: KafkaAccess['tls'] = broker.value.tls ? {} : undefined
  let sasl: KafkaAccess['sasl']
  for (const { type, uri } of mapping.kafka?.access ?? []) {
    const secret = broker.value.secrets?.[uri]
    if (secret === undefined) return err(`PROBLEM: There is no secret ${uri} for this account's Kafka.`)
    const { username, password, certificate, privateKey, privateKeyPassword } = secret
    const incomplete = err(`PROBLEM: The secret ${uri} lacks what ${type} needs.`)
    switch (type) {
      case 'BASIC_AUTH':
      case 'SASL_SCRAM_256_AUTH':
      case 'SASL_SCRAM_512_AUTH':
        if (username === undefined || password === undefined) return incomplete
        sasl = { mechanism: mechanisms[type], username, password }
        break
      case 'CLIENT_CERTIFICATE_TLS_AUTH':
        if (certificate === undefined || privateKey === undefined) return incomplete
        tls = {
          ...tls,
          cert: certificate,
          key: privateKey,
          ...(privateKeyPassword && { passphrase: privateKeyPassword }),
        }
        break
      case 'SERVER_ROOT_CA_CERTIFICATE':
        if (certificate === undefined) return incomplete
        tls = { ...tls, ca: certificate }
        break
    }
  }
  return ok({ servers: broker.value.servers ?? [], ...(tls && { tls }), ...(sasl && { sasl }) })
}

function brokerOf(mapping: EventSourceMapping, book: BrokerBook): Result<Broker, string> {
  const { accountId, eventSourceArn, kafka } = mapping
  const wanted = kafka?.bootstrapServers
  if (wanted === undefined) {
    const name = clusterIn(eventSourceArn)
    return name === undefined
      ? err(`PROBLEM: ${eventSourceArn} is no Kafka cluster.`)
      : brokerFor(book, accountId, 'kafka', name)
  }
  for (const broker of book.values())
    if (broker.kind === 'kafka' && broker.accounts.includes(accountId))
      if (broker.servers?.some((server) => wanted.includes(server))) return ok(broker)
  // One message for all: whether another account has such a broker is nobody's business.
  return err(`PROBLEM: There is no kafka broker at ${wanted.join(', ')} for this account.`)
}
