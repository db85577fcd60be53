import { type AccountId, err, isAccountId, ok, type Result } from '@weft/contracts'

/** How a broker is reached. Written by whoever runs the fabric: a mapping names a broker, it cannot point at any host. */
export interface Broker {
  readonly kind: BrokerKind
  /** `redis://…`, `amqp://…`, `mqtt://…`; of `aws` the endpoint, AWS's own when absent. */
  readonly url?: string
  /** `host:port` of Kafka's brokers. */
  readonly servers?: readonly string[]
  /** Kafka is reached by TLS, also where a mapping names no certificate. */
  readonly tls?: boolean
  /** Of Kafka: what the URIs of a mapping's SourceAccessConfigurations stand for. */
  readonly secrets?: Readonly<Record<string, BrokerSecret>>
  /** Credentials of `aws`. */
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  /** Accounts whose mappings may read it. */
  readonly accounts: readonly AccountId[]
}

/** A secret with the members that AWS wants in it: of a login, of a client's certificate, or of an authority's. */
export interface BrokerSecret {
  readonly username?: string
  readonly password?: string
  /** PEM. */
  readonly certificate?: string
  readonly privateKey?: string
  readonly privateKeyPassword?: string
}

export const brokerKinds = ['redis', 'rabbitmq', 'mqtt', 'kafka', 'aws'] as const
export type BrokerKind = (typeof brokerKinds)[number]

export type BrokerBook = ReadonlyMap<string, Broker>

/**
 * Reads the file of brokers: JSON, names to brokers. The error names the broker and what is wrong with it; values are not
 * repeated, they may be secret.
 */
export function readBrokerBook(text: string): Result<BrokerBook, string> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return err(`the file of brokers is no JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return err('the file of brokers is no object of names to brokers')
  const book = new Map<string, Broker>()
  for (const [name, broker] of Object.entries(value)) {
    const problem = problemOf(name, broker)
    if (problem !== undefined) return err(`broker ${JSON.stringify(name)}: ${problem}`)
    book.set(name, broker as Broker)
  }
  return ok(book)
}

function problemOf(name: string, value: unknown): string | undefined {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) return 'a name has 1 to 64 letters, digits, - and _'
  const broker = (value ?? {}) as Readonly<Record<string, unknown>>
  if (!brokerKinds.some((kind) => kind === broker.kind)) return `kind must be one of ${brokerKinds.join(', ')}`
  if (broker.url !== undefined && (typeof broker.url !== 'string' || !URL.canParse(broker.url)))
    return 'url must be a URL'
  if (broker.kind === 'kafka') {
    const problem = kafkaProblem(broker)
    if (problem !== undefined) return problem
  } else if (broker.kind !== 'aws' && broker.url === undefined) return 'url is missing'
  for (const member of ['accessKeyId', 'secretAccessKey'])
    if (broker[member] !== undefined && typeof broker[member] !== 'string') return `${member} must be text`
  const { accounts } = broker
  if (!Array.isArray(accounts) || !accounts.every((one) => typeof one === 'string' && isAccountId(one)))
    return 'accounts must be a list of account ids'
  return undefined
}

function kafkaProblem({ servers, tls, secrets }: Readonly<Record<string, unknown>>): string | undefined {
  const isServer = (one: unknown): boolean => typeof one === 'string' && /^[\w.-]+:\d{1,5}$/.test(one)
  if (!Array.isArray(servers) || servers.length === 0 || !servers.every(isServer))
    return 'servers must be a list of host:port'
  if (tls !== undefined && typeof tls !== 'boolean') return 'tls must be true or false'
  const isRecord = (one: unknown): one is object => typeof one === 'object' && one !== null && !Array.isArray(one)
  const isSecret = (one: unknown): boolean =>
    isRecord(one) && Object.values(one).every((member) => typeof member === 'string')
  if (secrets !== undefined && !(isRecord(secrets) && Object.values(secrets).every(isSecret)))
    return 'secrets must be an object of URIs to objects of text'
  return undefined
}

/** The broker of a name that an account may read. */
export function brokerFor(
  book: BrokerBook,
  account: AccountId,
  kind: BrokerKind,
  name: string,
): Result<Broker, string> {
  const broker = book.get(name)
  // One message for all: whether another account has such a broker is nobody's business.
  return broker?.kind === kind && broker.accounts.includes(account)
    ? ok(broker)
    : err(`PROBLEM: There is no ${kind} broker ${JSON.stringify(name)} for this account.`)
}

/** The first broker of a kind that an account may read, for sources whose ARN names none. */
export function brokerOfKind(book: BrokerBook, account: AccountId, kind: BrokerKind): Result<Broker, string> {
  for (const broker of book.values()) if (broker.kind === kind && broker.accounts.includes(account)) return ok(broker)
  return err(`PROBLEM: There is no ${kind} broker for this account.`)
}
