import { type AccountId, type EventEndRecord, functionName, newRequestId, streams } from '@weft/contracts'
import { awsRetryPolicy, type NewEvent } from '@weft/delivery'
import { startNatsServer } from '@weft/kit'
import {
  ensureAccount,
  ensureFabric,
  type NatsLink,
  natsBusPublisher,
  natsEventAcceptor,
  natsEventInbox,
  natsTargets,
  openInvocationBook,
  openLink,
  openObjectStore,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { expect } from 'vitest'
import { type AsyncQueueConfig, asyncQueueDefaults } from '../config.ts'
import { account, type TestCatalogue, type TestInvoker } from '../fixtures.ts'
import { startAsyncQueue } from '../service.ts'

const storage = { replicas: 1, storageBytes: 1024 ** 3 } as const

/** The waits of AWS, shortened. */
const quick: AsyncQueueConfig = {
  ...asyncQueueDefaults,
  retry: { ...awsRetryPolicy, retryDelaysMs: [50, 100], backoffMs: { first: 50, most: 200 } },
  deadLetterTries: 3,
  stopDeadlineMs: 5_000,
}

/** A fabric's bus with one account, and an async-queue on it; ends with `dispose`. */
export async function startQueue(
  invoker: TestInvoker,
  catalogue: TestCatalogue,
  change: Partial<AsyncQueueConfig> = {},
) {
  await using starting = new AsyncDisposableStack()
  const server = starting.use(await startNatsServer())
  const link: NatsLink = starting.use(await openLink({ servers: [server.url], name: 'test', log: silentLogger }))
  await ensureFabric(link, storage)
  await ensureAccount(link, account, storage)
  const events = natsEventAcceptor({ link, log: silentLogger })
  const inbox = starting.use(natsEventInbox({ link, clock: systemClock, log: silentLogger, pullWaitMs: 500 }))
  const service = starting.use(
    await startAsyncQueue(
      { ...quick, ...change },
      {
        inbox,
        invoker,
        catalogue,
        events,
        book: openInvocationBook(link),
        buses: natsBusPublisher(link),
        buckets: openObjectStore(link),
        targets: natsTargets({ reader: async () => link, publisher: async () => link }),
        facts: { record: () => {}, log: () => {}, flush: async () => {} },
        clock: systemClock,
        log: silentLogger,
      },
    ),
  )
  const stack = starting.move()

  /** Everything on a stream, oldest first. */
  async function messages(stream: string) {
    const { state } = await link.jsm.streams.info(stream)
    const all = []
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
      const message = await link.jsm.streams.getMessage(stream, { seq })
      if (message) all.push(message)
    }
    return all
  }
  const waiting = async (): Promise<number> =>
    (await link.jsm.streams.info(streams.events(account))).state.messages +
    (await link.jsm.streams.info(streams.retries)).state.messages
  return {
    link,
    service,
    book: openInvocationBook(link),
    accept: async (name: string, payload: unknown = {}, more: Partial<NewEvent> = {}): Promise<string> => {
      const requestId = newRequestId()
      const accepted = await events.accept({
        requestId,
        accountId: account as AccountId,
        functionName: functionName(name),
        payload: new TextEncoder().encode(JSON.stringify(payload)),
        acceptedAtMs: Date.now(),
        ...more,
      })
      expect(accepted.ok).toBe(true)
      return requestId
    },
    messages,
    /** JSON of everything on a stream. */
    bodies: async (stream: string) =>
      (await messages(stream)).map((message) => message.json<Record<string, unknown>>()),
    ends: async (): Promise<EventEndRecord[]> =>
      (await messages(streams.records)).map((message) => message.json<EventEndRecord>()),
    drained: () => expect.poll(waiting, { timeout: 60_000, interval: 50 }).toBe(0),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
