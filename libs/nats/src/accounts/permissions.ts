import { buckets, consumers, streams, subjects } from '@weft/contracts'

/** The services that have a user of their own in the fabric's account; `admin` sets the fabric up. */
export const serviceNames = ['frontend', 'placement', 'worker', 'poller', 'async-queue', 'metrics', 'admin'] as const
export type ServiceName = (typeof serviceNames)[number]

/** Subjects a user may publish to and subscribe to besides its own inbox. Nothing else is allowed. */
export interface AllowList {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  /** Taken out of `publish`; only where a list of allowed subjects cannot be given. */
  readonly denyPublish?: readonly string[]
}

const join = (...lists: readonly AllowList[]): AllowList => ({
  publish: [...new Set(lists.flatMap((list) => list.publish))],
  subscribe: [...new Set(lists.flatMap((list) => list.subscribe))],
})
const publish = (...names: string[]): AllowList => ({ publish: names, subscribe: [] })

/** Reads and watches a stream: info, messages, and consumers that end with their reader. */
const readStream = (stream: string): AllowList =>
  publish(
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    `$JS.API.CONSUMER.CREATE.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.FC.${stream}.>`,
  )
const readBucket = (bucket: string): AllowList => readStream(`KV_${bucket}`)
const writeBucket = (bucket: string, keys = '>'): AllowList =>
  join(readBucket(bucket), publish(`$KV.${bucket}.${keys}`))
const readObjects = (bucket: string): AllowList => readStream(`OBJ_${bucket}`)
const writeObjects = (bucket: string): AllowList =>
  join(readObjects(bucket), publish(`$O.${bucket}.>`, `$JS.API.STREAM.PURGE.OBJ_${bucket}`))

/** Works off a durable consumer of the given name; `*` for the stream means any stream that has such a consumer. */
const consume = (stream: string, consumer: string): AllowList =>
  publish(
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}`,
    `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.>`,
    `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${consumer}`,
    `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `$JS.ACK.${stream}.${consumer}.>`,
  )

/** Puts objects into S3-shaped buckets, and takes them out. */
const writeBuckets = join(
  readStream(streams.objects),
  readStream(streams.blobs),
  publish(
    subjects.objectAll,
    subjects.blobAll,
    `$JS.API.STREAM.PURGE.${streams.objects}`,
    `$JS.API.STREAM.PURGE.${streams.blobs}`,
  ),
)

const everyService = (name: ServiceName): AllowList =>
  join(
    publish('$JS.API.INFO', subjects.recordAll, subjects.logAll),
    writeBucket(buckets.members, `${name}.*`),
    readBucket(buckets.leaders),
  )
const readCatalogue = join(readBucket(buckets.functions), readBucket(buckets.accounts), readBucket(buckets.mappings))

/** Answers to requests that clients sent through their account's import arrive under this prefix. */
const importedReplies = '_R_.>'

const of: Record<Exclude<ServiceName, 'admin'>, AllowList> = {
  frontend: join(
    readCatalogue,
    writeBucket(buckets.functions),
    writeBucket(buckets.mappings),
    writeBucket(buckets.layers),
    writeBucket(buckets.httpApis),
    writeBucket(buckets.codeSigning),
    writeBucket(buckets.identities),
    writeBucket(buckets.triggers),
    publish(subjects.busAll, subjects.topicAll, subjects.noticeAll, `$JS.API.STREAM.INFO.${streams.bus}`),
    readStream(streams.archives),
    publish(`$JS.API.STREAM.PURGE.${streams.archives}`),
    readBucket(buckets.provisioned),
    readBucket(buckets.snapStarts),
    writeObjects(buckets.code),
    readStream(streams.logs),
    writeBuckets,
    publish(subjects.bucketAll, subjects.uploadAll),
    writeBucket(buckets.invocations),
    publish('weft.accept.*.>', importedReplies),
    { publish: [], subscribe: [subjects.invokeAll] },
  ),
  placement: join(
    readCatalogue,
    writeBucket(buckets.leaders, 'placement.*'),
    writeBucket(buckets.provisioned),
    writeBucket(buckets.snapStarts),
    // It scales the provisioned concurrency of functions.
    writeBucket(buckets.functions),
    publish('weft.capacity.*'),
  ),
  worker: join(readObjects(buckets.code), readBucket(buckets.members)),
  poller: join(
    readCatalogue,
    writeBucket(buckets.mappings),
    writeBucket(buckets.mappingLeases),
    writeBucket(buckets.positions),
    writeBucket(buckets.triggers),
    readBucket(buckets.identities),
    consume(streams.bus, consumers.rules),
    consume(streams.logs, consumers.logFilters),
    publish(subjects.deadAll, subjects.busAll, subjects.topicAll, subjects.archiveAll, 'weft.accept.*.>'),
    readStream(streams.archives),
    publish(`$JS.API.STREAM.PURGE.${streams.archives}`),
    // Buckets that are destinations.
    writeBuckets,
  ),
  'async-queue': join(
    readCatalogue,
    consume('*', consumers.asyncQueue),
    // To make one anew that delivers no more.
    publish(`$JS.API.CONSUMER.DELETE.*.${consumers.asyncQueue}`),
    readStream(streams.retries),
    writeBucket(buckets.invocations),
    publish(subjects.busAll, subjects.topicAll),
    // Buckets that are destinations.
    writeBuckets,
    // Events for functions that are destinations of others.
    publish('weft.accept.*.>'),
    publish(subjects.retryAll, subjects.deadAll, `$JS.ACK.${streams.retries}.*.>`),
  ),
  metrics: join(
    readCatalogue,
    consume(streams.records, consumers.metrics),
    consume(streams.logs, consumers.metrics),
    readStream(streams.records),
    readStream(streams.logs),
    readStream(streams.dead),
    writeBucket(buckets.rollups),
    { publish: [], subscribe: [subjects.capacityAll] },
  ),
}

/** What the user of a service may do, its own inbox included. `admin` may do everything inside the fabric's account. */
export function serviceAllowList(name: ServiceName): AllowList {
  if (name === 'admin') return { publish: ['>'], subscribe: ['>'] }
  return join(everyService(name), of[name], { publish: [], subscribe: [`${inboxOf(name)}.>`] })
}

export const inboxOf = (user: string): string => `_INBOX_${user}`

/** The users inside the account of a client. */
export const tenantUsers = ['client', 'poller', 'dead-letter'] as const
export type TenantUser = (typeof tenantUsers)[number]

/**
 * `client` owns the account and may do all in it. `poller` reads any stream through consumers and changes nothing
 * else. `dead-letter` publishes to the subjects that users name as dead-letter targets, never to those of JetStream,
 * the system or the fabric.
 */
export function tenantAllowList(user: TenantUser): AllowList {
  if (user === 'client') return { publish: ['>'], subscribe: ['>'] }
  const subscribe = [`${inboxOf(user)}.>`]
  if (user === 'dead-letter')
    return { publish: ['>'], subscribe, denyPublish: ['$JS.>', '$KV.>', '$O.>', '$SYS.>', 'weft.>'] }
  const { publish } = join(readStream('*'), consume('*', '*'), {
    publish: ['$JS.API.INFO', '$JS.API.STREAM.NAMES'],
    subscribe: [],
  })
  return { publish, subscribe }
}
