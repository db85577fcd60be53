import { accountId, isAccountId, isRegion } from '@weft/contracts'
import { type ConfigOf, setting, settings } from '@weft/platform'
import { z } from 'zod'

const url = z.string().regex(/^(https:\/\/)?[\w.-]+:\d{1,5}$/, 'must be host:port or https://host:port')
const hostPort = z.string().regex(/^[\w.-]+:\d{1,5}$/, 'must be host:port')

/** What both steps of a new cluster are told by their environment. */
export const fields = {
  /** Folder that receives keys, credentials and server configurations; only root may read it. */
  dir: setting('WEFT_CLUSTER_DIR', settings.text.default('/cluster')),
  /** Names of the NATS servers, by which they also find each other. */
  natsNodes: setting(
    'WEFT_NATS_NODES',
    settings.list
      .refine((names) => names.length === 1 || names.length === 3, 'must name one server or three')
      .default(['nats-1', 'nats-2', 'nats-3']),
  ),
  /** Disk of each NATS server that all streams together may fill. */
  storageMb: setting('WEFT_STORAGE_MB', settings.integer(512, 10_000_000).default(8_192)),
  region: setting(
    'WEFT_REGION',
    z.string().refine(isRegion, 'must be a region such as us-east-1').default('us-east-1'),
  ),
  accountId: setting(
    'WEFT_ACCOUNT_ID',
    z.string().refine(isAccountId, 'must be twelve digits').transform(accountId).default(accountId('000000000000')),
  ),
  /** How clients outside reach the doors, with https:// where those have a certificate; written into connection.json. */
  publicHttp: setting('WEFT_PUBLIC_HTTP', url.default('127.0.0.1:9000')),
  publicGrpc: setting('WEFT_PUBLIC_GRPC', url.default('127.0.0.1:9100')),
  publicAdmin: setting('WEFT_PUBLIC_ADMIN', url.default('127.0.0.1:9400')),
  publicNats: setting('WEFT_PUBLIC_NATS', hostPort.default('127.0.0.1:4222')),
} as const

export type ClusterConfig = ConfigOf<typeof fields>

export const ports = { natsClient: 4222, natsCluster: 6222, natsMonitor: 8222 } as const
