import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream'
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
} from '@nats-io/transport-node'
import { type Clock, delay, type Logger, systemClock } from '@weft/platform'
import { withLeanRequests } from './lean-requests.ts'

export interface LinkOptions {
  readonly servers: readonly string[]
  /** Contents of a creds file; absent where the server asks for none. */
  readonly creds?: string
  /** Shown in the server's connection list. */
  readonly name: string
  readonly log: Logger
  /**
   * Subject prefix of this client's replies. Each user has its own and may subscribe to nothing else, because whoever
   * may subscribe to the shared `_INBOX.` reads everybody's answers. `_INBOX_<user>` of the creds when absent.
   */
  readonly inboxPrefix?: string
  /** How long the first connection may take, ms; 30,000 by default. Later ones are tried for ever. */
  readonly firstConnectMs?: number
  /** How long a JetStream request waits for its answer, ms; 5,000 by default. */
  readonly timeoutMs?: number
  readonly clock?: Clock
}

/** A connection that is never given up: while the server is away calls fail, and afterwards they work again. */
export interface NatsLink extends AsyncDisposable {
  readonly connection: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
  readonly inboxPrefix: string
  /** Empty when connected; otherwise what is wrong. */
  problems(): readonly string[]
  /** Called after every reconnect: what came meanwhile was missed. Returns the unsubscribe. */
  onReconnect(listener: () => void): () => void
}

const reconnectWaitMs = 250
/** A server that stops answering without closing (paused, cable pulled) is left after two unanswered pings. */
const pingIntervalMs = 5_000

/**
 * Connects. Rejects when no server could be reached within `firstConnectMs`, and at once when the credentials are
 * refused.
 */
export async function openLink(options: LinkOptions): Promise<NatsLink> {
  const inboxPrefix = options.inboxPrefix ?? inboxPrefixOf(options.creds)
  const clock = options.clock ?? systemClock
  const opened = await firstConnection(
    {
      servers: [...options.servers],
      name: options.name,
      inboxPrefix,
      ...(options.creds !== undefined && {
        authenticator: credsAuthenticator(new TextEncoder().encode(options.creds)),
      }),
      timeout: 5_000,
      maxReconnectAttempts: -1,
      // A server that starts again may refuse users until it has loaded its accounts: no reason to give up for good.
      ignoreAuthErrorAbort: true,
      reconnectTimeWait: reconnectWaitMs,
      reconnectJitter: 100,
      pingInterval: pingIntervalMs,
      maxPingOut: 2,
      noAsyncTraces: true,
    },
    options,
  )
  const connection = withLeanRequests(opened, inboxPrefix, clock)
  const timeout = options.timeoutMs ?? 5_000
  const js = jetstream(connection, { timeout })
  // Without the check of the API: it would reject for as long as a cluster elects its leader.
  const jsm = await jetstreamManager(connection, { timeout, checkAPI: false })
  const watch = watchStatus(connection, options)
  return {
    connection,
    js,
    jsm,
    inboxPrefix,
    problems: () => watch.problems(),
    onReconnect: (listener) => watch.onReconnect(listener),
    async [Symbol.asyncDispose]() {
      watch.closing()
      // Draining needs the server; without it the connection can only be dropped.
      if (watch.problems().length === 0) await connection.drain().catch(() => connection.close())
      else await connection.close()
    },
  }
}

/** `_INBOX_<user name in the creds>`, `_INBOX` without creds. */
export function inboxPrefixOf(creds: string | undefined): string {
  if (creds === undefined) return '_INBOX'
  const claims = /-----BEGIN NATS USER JWT-----\s+[^.\s]+\.([^.\s]+)\.[^.\s]+\s/.exec(creds)?.[1]
  if (claims === undefined) throw new Error('not the contents of a NATS creds file')
  const { name } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { name?: string }
  if (name === undefined || !/^[\w-]+$/.test(name)) throw new Error('the NATS creds name no usable user')
  return `_INBOX_${name}`
}

async function firstConnection(connectionOptions: ConnectionOptions, options: LinkOptions): Promise<NatsConnection> {
  const clock = options.clock ?? systemClock
  const deadline = clock.monotonic() + (options.firstConnectMs ?? 30_000)
  for (;;) {
    try {
      return await connectBefore(deadline, clock, connectionOptions)
    } catch (error) {
      if (error instanceof errors.AuthorizationError || clock.monotonic() >= deadline) throw error
      options.log.debug({ err: error }, 'NATS is not reachable yet')
      await delay(clock, reconnectWaitMs)
    }
  }
}

/** The client itself may try for ever where every server hangs up on it, as for an account that is closed. */
async function connectBefore(
  deadlineMs: number,
  clock: Clock,
  connectionOptions: ConnectionOptions,
): Promise<NatsConnection> {
  const late = Promise.withResolvers<never>()
  const timer = clock.schedule(Math.max(0, deadlineMs - clock.monotonic()), () =>
    late.reject(new Error('NATS does not let this client in')),
  )
  const connecting = connect(connectionOptions)
  try {
    return await Promise.race([connecting, late.promise])
  } catch (error) {
    connecting.then(
      (connection) => connection.close(),
      // It has told its own end already, or nobody waits for it any more.
      () => undefined,
    )
    throw error
  } finally {
    timer.cancel()
  }
}

function watchStatus(connection: NatsConnection, { name, log }: LinkOptions) {
  let problem: string | undefined
  let closing = false
  const listeners = new Set<() => void>()
  const follow = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'staleConnection') {
        problem = `NATS connection ${name} is down`
        if (!closing) log.warn({ status: status.type }, problem)
      } else if (status.type === 'reconnect') {
        problem = undefined
        log.info({ server: status.server }, `NATS connection ${name} is back`)
        for (const listener of [...listeners]) listener()
      } else if (status.type === 'error') {
        // A refused publish or subscribe shows only here.
        log.error({ err: status.error }, `NATS connection ${name}: refused by the server`)
      } else if (status.type === 'slowConsumer') {
        log.warn({ pending: status.pending }, `NATS connection ${name} falls behind`)
      }
    }
  }
  void follow()
  void connection.closed().then((error) => {
    if (closing) return
    problem = `NATS connection ${name} was closed${error instanceof Error ? `: ${error.message}` : ''}`
    log.fatal({ err: error }, problem)
  })
  return {
    problems: (): readonly string[] => (problem === undefined ? [] : [problem]),
    closing: () => {
      closing = true
    },
    onReconnect: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
