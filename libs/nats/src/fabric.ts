import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream'
import { type AccountId, buckets, limits, streams, subjects } from '@weft/contracts'
import { type AccountShares, eventBytesOf, leastAccountBytes } from '@weft/registry'
import type { NatsLink } from './link.ts'

export interface FabricOptions {
  /** Copies of each stream: 1 on one server, 3 in a cluster. */
  readonly replicas: 1 | 3
  /** Bytes of disk on each server that all streams together may fill. Each has its share, set aside by the server. */
  readonly storageBytes: number
}

/** Shares below this leave streams that cannot hold a single package. */
export const leastStorageBytes = 512 * 1024 * 1024

const hourNs = 3_600_000_000_000
const dayNs = 24 * hourNs
const secondNs = 1_000_000_000

/**
 * What of the disk is there for accounts: all that the fabric's own streams leave, of which the first account has enough to
 * work with and dozens of others fit beside it.
 */
export const accountShares = (storageBytes: number): AccountShares => ({
  poolBytes: storageBytes - setAside({ replicas: 1, storageBytes }),
  firstAccountBytes: Math.floor(storageBytes / 16),
  newAccountBytes: Math.max(leastAccountBytes, Math.floor(storageBytes / 512)),
})

/** Events of one bus that may wait for their rules. */
const mostEventsPerBus = 20_000

/** What all members together may say of themselves; a few hundred bytes each. */
const membersBytes = 1024 * 1024

/** How long a member counts as alive after its last word, ms. */
export const memberTtlMs = 15_000

/** Creates the streams and buckets of the fabric, or brings them up to date. Idempotent. Needs the admin's link. */
export async function ensureFabric(link: NatsLink, options: FabricOptions): Promise<void> {
  if (options.storageBytes < leastStorageBytes)
    throw new Error(`the fabric needs ${leastStorageBytes} bytes of disk for its streams, not ${options.storageBytes}`)
  for (const config of fabricStreams(options)) await ensureStream(link.jsm, config)
}

/** Creates the event stream of an account, or brings it up to date. Idempotent. */
export async function ensureAccount(
  link: NatsLink,
  account: AccountId,
  options: FabricOptions,
  eventBytes = eventBytesOf(accountShares(options.storageBytes).firstAccountBytes),
): Promise<void> {
  await ensureStream(link.jsm, {
    ...queue(options),
    name: streams.events(account),
    subjects: [subjects.eventOf(account), subjects.acceptOf(account)],
    max_bytes: eventBytes,
  })
}

function fabricStreams(options: FabricOptions): StreamInit[] {
  const small = Math.max(4 * 1024 * 1024, share(options, 128))
  return [
    bucket(options, buckets.accounts, { max_bytes: small }),
    bucket(options, buckets.functions, { max_bytes: share(options, 32) }),
    bucket(options, buckets.mappings, { max_bytes: small }),
    bucket(options, buckets.positions, { max_bytes: small }),
    bucket(options, buckets.layers, { max_bytes: small }),
    bucket(options, buckets.httpApis, { max_bytes: small }),
    bucket(options, buckets.codeSigning, { max_bytes: small }),
    bucket(options, buckets.identities, { max_bytes: small }),
    bucket(options, buckets.triggers, { max_bytes: small }),
    bucket(options, buckets.leaders, { max_bytes: small }),
    bucket(options, buckets.provisioned, { max_bytes: small }),
    bucket(options, buckets.snapStarts, { max_bytes: small }),
    // How long a mapping waits for its next poller when one dies; longer than the stream needs to elect a leader.
    bucket(options, buckets.mappingLeases, { max_bytes: small, max_age: 15 * secondNs }),
    // Results are kept for a day at most, each after its end.
    bucket(options, buckets.invocations, { max_bytes: share(options, 32), max_age: 2 * dayNs }),
    bucket(options, buckets.rollups, {
      max_bytes: share(options, 64) - membersBytes,
      max_age: 30 * dayNs,
      discard: DiscardPolicy.Old,
    }),
    // In memory where there are copies: heartbeats come all the time, and after a restart of all servers every member tells
    // again that it lives. A single server forgets a stream in memory altogether, and nobody but the admin may make it anew.
    bucket(options, buckets.members, {
      max_bytes: membersBytes,
      max_age: memberTtlMs * 1_000_000,
      storage: options.replicas === 1 ? StorageType.File : StorageType.Memory,
    }),
    objects(options, buckets.code, { max_bytes: share(options, 4) }),
    {
      ...entries(options),
      name: streams.objects,
      subjects: [subjects.bucketAll, subjects.objectAll, subjects.uploadAll],
      max_bytes: share(options, 128),
      max_msgs_per_subject: 1,
    },
    // Blobs never change, so any copy may answer.
    {
      ...entries(options),
      name: streams.blobs,
      subjects: [subjects.blobAll],
      max_bytes: share(options, 16),
      allow_direct: true,
    },
    {
      ...queue(options),
      name: streams.retries,
      subjects: [subjects.retryAll],
      max_bytes: share(options, 16),
      // The answer of an event that has run travels with it until its destination has it.
      max_msg_size: limits.asyncPayloadBytes + limits.syncResponseBytes + 64 * 1024,
    },
    {
      ...queue(options),
      name: streams.bus,
      subjects: [subjects.busAll, subjects.topicAll, subjects.noticeAll],
      max_bytes: share(options, 32),
      // One bus or topic that is flooded leaves the others their room.
      max_msgs_per_subject: mostEventsPerBus,
      discard_new_per_subject: true,
    },
    {
      ...entries(options),
      name: streams.archives,
      subjects: [subjects.archiveAll],
      max_bytes: share(options, 32),
    },
    {
      ...kept(options),
      name: streams.dead,
      subjects: [subjects.deadAll],
      max_bytes: share(options, 32),
      max_age: 14 * dayNs,
      // A full store keeps events waiting for their end, which shows; dropping the oldest would not.
      discard: DiscardPolicy.New,
    },
    {
      ...kept(options),
      name: streams.records,
      subjects: [subjects.recordAll],
      max_bytes: share(options, 16),
      max_age: 30 * dayNs,
    },
    {
      ...kept(options),
      name: streams.logs,
      subjects: [subjects.logAll],
      max_bytes: share(options, 8),
      max_age: 30 * dayNs,
    },
  ]
}

/** Bytes of disk that the fabric's own streams have for themselves. */
const setAside = (options: FabricOptions): number =>
  fabricStreams(options)
    .filter(({ storage }) => storage === StorageType.File)
    .reduce((sum, stream) => sum + (stream.max_bytes ?? 0), 0)

type StreamInit = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects'>

const share = (options: FabricOptions, part: number): number => Math.floor(options.storageBytes / part)

const common = (options: FabricOptions): Partial<StreamConfig> => ({
  storage: StorageType.File,
  num_replicas: options.replicas,
  duplicate_window: 120 * secondNs,
  // A publisher could otherwise erase what others stored.
  allow_rollup_hdrs: false,
})

/** Work that is removed by being acknowledged. A full stream refuses; it never drops what it has acknowledged. */
const queue = (options: FabricOptions): Partial<StreamConfig> => ({
  ...common(options),
  retention: RetentionPolicy.Workqueue,
  discard: DiscardPolicy.New,
  // One event and its headers.
  max_msg_size: limits.asyncPayloadBytes + 64 * 1024,
})

/** Entries that stay until they are replaced or removed; a full stream refuses new ones. */
const entries = (options: FabricOptions): Partial<StreamConfig> => ({
  ...common(options),
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
})

/** Facts that age out. */
const kept = (options: FabricOptions): Partial<StreamConfig> => ({
  ...common(options),
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
})

/** The stream behind a KV bucket, as every NATS client expects it. */
const bucket = (options: FabricOptions, name: string, more: Partial<StreamConfig>): StreamInit => ({
  ...common(options),
  name: `KV_${name}`,
  subjects: [`$KV.${name}.>`],
  retention: RetentionPolicy.Limits,
  max_msgs_per_subject: 1,
  discard: DiscardPolicy.New,
  deny_delete: true,
  allow_rollup_hdrs: true,
  // Reads are answered by the leader: a copy that lags would break compare-and-set on what was read.
  allow_direct: false,
  // The server refuses a window that outlasts the entries.
  duplicate_window: Math.min(more.max_age ?? Number.POSITIVE_INFINITY, 120 * secondNs),
  ...more,
})

/** The stream behind an object store. */
const objects = (options: FabricOptions, name: string, more: Partial<StreamConfig>): StreamInit => ({
  ...common(options),
  name: `OBJ_${name}`,
  subjects: [`$O.${name}.C.>`, `$O.${name}.M.>`],
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  allow_rollup_hdrs: true,
  allow_direct: true,
  ...more,
})

const streamNotFound = 10059

async function ensureStream(jsm: JetStreamManager, config: StreamInit): Promise<void> {
  try {
    const { config: existing } = await jsm.streams.info(config.name)
    const stale = Object.entries(config).some(
      ([key, value]) => JSON.stringify(existing[key as keyof StreamConfig]) !== JSON.stringify(value),
    )
    // Its storage cannot be changed; what is kept in memory by one and not by the other is told anew every few seconds.
    const moves = config.storage !== undefined && existing.storage !== config.storage
    if (moves) {
      await jsm.streams.delete(config.name)
      await jsm.streams.add(config)
    } else if (stale) await jsm.streams.update(config.name, config)
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== streamNotFound) throw error
    await jsm.streams.add(config)
  }
}
