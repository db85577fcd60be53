/** The poller service as a process of a cluster. */
import { withBrokers } from '@weft/brokers'
import { createDispatcher } from '@weft/invoke'
import {
  credsFiles,
  natsDeadBatches,
  natsMappingSources,
  natsTargets,
  openAccountLinks,
  openCatalogue,
  openFactSink,
  openLeaderBoard,
  openLink,
  openMappingLeases,
  openPositionBook,
  openStores,
  openTriggerParts,
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
import { pollerDefaults } from './config.ts'
import { startPoller } from './service.ts'

await runService({
  service: 'poller',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    clusterSecret: fileSetting('WEFT_CLUSTER_SECRET_FILE'),
    masterKeysFile: setting('WEFT_MASTER_KEYS_FILE', settings.text),
    accountCredsDir: setting('WEFT_ACCOUNT_CREDS_DIR', settings.text),
    region: setting('WEFT_REGION', settings.text.default(pollerDefaults.region)),
    brokersFile: setting('WEFT_BROKERS_FILE', settings.text.optional()),
    partitions: setting('WEFT_PLACEMENT_PARTITIONS', settings.integer(1, 1_024).default(4)),
  },
  async start(config, { clock, log, opened }) {
    const { natsServers: servers, natsCreds: creds, instanceId, region } = config
    const name = `poller ${instanceId}`
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
    const jetstream = opened.use(natsMappingSources({ links: accounts, clock, log }))
    const sources = withBrokers(jetstream, config.brokersFile, { positions: openPositionBook(link, clock), clock, log })
    const triggers = opened.use(await openTriggerParts(link, { clock, log }))
    const poller = await startPoller(
      { ...pollerDefaults, region },
      {
        catalogue,
        mappingStore: openStores(link, catalogue).mappings,
        sources,
        leases: await openMappingLeases({ link, clock, log, instanceId }),
        deadBatches: natsDeadBatches(link),
        targets: natsTargets(accounts),
        triggers,
        invoker: dispatcher,
        facts,
        clock,
        log,
      },
    )
    const parts = [link, catalogue, leaders, facts, triggers, dispatcher, poller]
    return {
      service: { ...poller, problems: () => parts.flatMap((part) => part.problems()) },
      details: () => ({ ...poller.details() }),
    }
  },
})
