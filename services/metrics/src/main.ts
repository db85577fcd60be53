/** The metrics service as a process of a cluster. */
import { buckets, streams } from '@weft/contracts'
import { openDocuments, openLink, streamReader, watchCapacity } from '@weft/nats'
import { fileSetting, runService, setting, settings } from '@weft/platform'
import { LatestCapacity } from './capacity.ts'
import { metricsDefaults } from './config.ts'
import { startMetrics } from './service.ts'

await runService({
  service: 'metrics',
  fields: {
    natsServers: setting('WEFT_NATS_SERVERS', settings.list),
    natsCreds: fileSetting('WEFT_NATS_CREDS'),
    maxFunctions: setting(
      'WEFT_METRICS_MAX_FUNCTIONS',
      settings.integer(1, 100_000).default(metricsDefaults.maxFunctions),
    ),
  },
  async start(config, { clock, log, opened }) {
    const link = opened.use(
      await openLink({
        servers: config.natsServers,
        creds: config.natsCreds,
        name: `metrics ${config.instanceId}`,
        log,
      }),
    )
    const capacity = new LatestCapacity(clock)
    opened.use(watchCapacity(link, log, (partition, told) => capacity.take(partition, told)))
    const metrics = await startMetrics(
      { ...metricsDefaults, maxFunctions: config.maxFunctions },
      {
        records: streamReader(link, streams.records),
        documents: openDocuments(link, buckets.rollups, clock),
        capacity,
        clock,
        log,
      },
    )
    const service = { ...metrics, problems: () => [...link.problems(), ...metrics.problems()] }
    return { service, metrics: metrics.page, fallback: metrics.handle }
  },
})
