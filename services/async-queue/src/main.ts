/** The async-queue service as a process of a cluster. */
import { createDispatcher } from '@weft/invoke'
import {
  credsFiles,
  natsBusPublisher,
  natsEventAcceptor,
  natsEventInbox,
  natsTargets,
  openAccountLinks,
  openCatalogue,
  openFactSink,
  openInvocationBook,
  openLeaderBoard,
  openLink,
  openObjectStore,
} from '@weft/nats'
import {
  fileSetting,
  grpcPlacementDirectory,
  grpcWorkerDirectory,
  openMasterKeys,
  runService,
  Sealer,
  setting,
  settings,
  systemRandom,
} from '@weft/platform'
import { asyncQueueDefaults } from './config.ts'
import { startAsyncQueue } from './service.ts'

await runService({
  service: 'async-queue',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    clusterSecret: fileSetting('WEFT_CLUSTER_SECRET_FILE'),
    masterKeysFile: setting('WEFT_MASTER_KEYS_FILE', settings.text),
    accountCredsDir: setting('WEFT_ACCOUNT_CREDS_DIR', settings.text),
    region: setting('WEFT_REGION', settings.text.default(asyncQueueDefaults.region)),
    partitions: setting('WEFT_PLACEMENT_PARTITIONS', settings.integer(1, 1_024).default(4)),
    accountConcurrency: setting(
      'WEFT_ASYNC_ACCOUNT_CONCURRENCY',
      settings.integer(1, 10_000).default(asyncQueueDefaults.accountConcurrency),
    ),
    totalConcurrency: setting(
      'WEFT_ASYNC_TOTAL_CONCURRENCY',
      settings.integer(1, 100_000).default(asyncQueueDefaults.totalConcurrency),
    ),
    /** Waits before the retries of a function error, s; AWS's are one minute and two. */
    retrySeconds: setting(
      'WEFT_ASYNC_RETRY_SECONDS',
      settings.text.regex(/^\d{1,4},\d{1,4}$/, 'must be two numbers of seconds, as 60,120').optional(),
    ),
  },
  check: ({ accountConcurrency, totalConcurrency }) =>
    accountConcurrency <= totalConcurrency
      ? []
      : [
          `WEFT_ASYNC_ACCOUNT_CONCURRENCY ${accountConcurrency} exceeds WEFT_ASYNC_TOTAL_CONCURRENCY ${totalConcurrency}`,
        ],
  async start(config, { clock, log, opened }) {
    const { natsServers: servers, natsCreds: creds, instanceId, region } = config
    const name = `async-queue ${instanceId}`
    const secret = config.clusterSecret.trim()
    const link = opened.use(await openLink({ servers, creds, name, log }))
    const sealer = new Sealer(openMasterKeys(config.masterKeysFile))
    const catalogue = opened.use(openCatalogue(link, { log, sealer }))
    const credsOf = credsFiles(config.accountCredsDir)
    const accounts = opened.use(openAccountLinks({ servers, credsOf, name, catalogue, log }))
    const leaders = opened.use(openLeaderBoard(link, { log }))
    const facts = opened.use(openFactSink(link, { log }))
    await Promise.all([catalogue.whenReady, leaders.whenReady])
    const dispatcher = opened.use(
      createDispatcher({
        id: name.replace(' ', '-'),
        region,
        placement: grpcPlacementDirectory({ partitions: config.partitions, leaders, secret }),
        workers: grpcWorkerDirectory({ secret }),
        clock,
        random: systemRandom,
        log,
      }),
    )
    const inbox = opened.use(natsEventInbox({ link, clock, log }))
    const { accountConcurrency, totalConcurrency } = config
    const retryDelaysMs = config.retrySeconds?.split(',').map((seconds) => Number(seconds) * 1_000)
    const retry = { ...asyncQueueDefaults.retry, ...(retryDelaysMs && { retryDelaysMs }) }
    const queue = await startAsyncQueue(
      { ...asyncQueueDefaults, region, accountConcurrency, totalConcurrency, retry },
      {
        inbox,
        targets: natsTargets(accounts),
        events: natsEventAcceptor({ link, log }),
        book: openInvocationBook(link, clock),
        buses: natsBusPublisher(link),
        buckets: openObjectStore(link),
        invoker: dispatcher,
        catalogue,
        facts,
        clock,
        log,
      },
    )
    const parts = [link, catalogue, leaders, facts, dispatcher, queue]
    return { service: { ...queue, problems: () => parts.flatMap((part) => part.problems()) } }
  },
})
