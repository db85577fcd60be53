/** The placement service as a process of a cluster. */
import { buckets, type SnapStartEntry } from '@weft/contracts'
import {
  capacityAnnouncer,
  openCatalogue,
  openCollection,
  openLeaderBoard,
  openLink,
  openProvisionedBook,
  openStores,
} from '@weft/nats'
import {
  fileSetting,
  openMasterKeys,
  runService,
  Sealer,
  setting,
  settings,
  startInternalServer,
  systemRandom,
} from '@weft/platform'
import { startPlacement } from './service.ts'

await runService({
  service: 'placement',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    clusterSecret: fileSetting('WEFT_CLUSTER_SECRET_FILE'),
    masterKeysFile: setting('WEFT_MASTER_KEYS_FILE', settings.text),
    region: setting('WEFT_REGION', settings.text.default('us-east-1')),
    /** With `learning`, give workers a WEFT_IDLE_MS of five hours: what is kept longer is kept in vain. */
    keepWarm: setting(
      'WEFT_KEEP_WARM',
      settings.text.regex(/^(worker|learning)$/, 'must be worker or learning').default('worker'),
    ),
    starts: setting('WEFT_STARTS', settings.text.regex(/^(spread|pack)$/, 'must be spread or pack').default('spread')),
    partitions: setting('WEFT_PLACEMENT_PARTITIONS', settings.integer(1, 1_024).default(4)),
    grpcPort: setting('WEFT_GRPC_PORT', settings.port.default(9200)),
    /** host:port at which dispatchers and workers reach this instance while it leads. */
    advertise: setting('WEFT_ADVERTISE', settings.text.regex(/^[\w.-]+:\d{1,5}$/, 'must be host:port')),
  },
  async start(config, { clock, log, opened }) {
    const { natsServers: servers, natsCreds: creds, instanceId, partitions, advertise: address } = config
    const link = opened.use(await openLink({ servers, creds, name: `placement ${instanceId}`, log }))
    // Provisioned environments are started from here, with their variables.
    const sealer = new Sealer(openMasterKeys(config.masterKeysFile))
    const catalogue = opened.use(openCatalogue(link, { log, sealer }))
    const leaders = opened.use(openLeaderBoard(link, { log }))
    const snapStarts = opened.use(openCollection<SnapStartEntry>(link, buckets.snapStarts, { log, clock }))
    await Promise.all([catalogue.whenReady, leaders.whenReady, snapStarts.whenReady])
    const placement = await startPlacement(
      {
        ...{ instanceId, address, partitions, region: config.region },
        keepWarm: config.keepWarm === 'learning' ? 'learning' : 'worker',
        starts: config.starts === 'pack' ? 'pack' : 'spread',
      },
      {
        ...{ leaders, catalogue, clock, random: systemRandom, log },
        provisionedBook: openProvisionedBook(link, clock),
        snapStarts,
        functions: openStores(link, catalogue, clock).functions,
        announce: capacityAnnouncer(link),
      },
    )
    // It is asked before it leads: a placement that does not lead hangs up, and the caller looks for the leader again.
    opened.use(
      await startInternalServer({
        ...{ host: config.host, port: config.grpcPort, secret: config.clusterSecret.trim(), clock },
        placement,
      }),
    )
    const parts = [link, catalogue, leaders, snapStarts, placement]
    return {
      service: { ...placement, problems: () => parts.flatMap((part) => part.problems()) },
      details: () => placement.details(),
    }
  },
})
