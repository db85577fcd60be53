import { type AccountId, accountId, type FunctionName, isAccountId, isFunctionName, isQualifier } from './ids.ts'
import { err, ok, type Result } from './result.ts'

/**
 * Every subject, stream, consumer and bucket name. Publish and subscribe forms stand side by side; parts are branded
 * or checked, so no caller's string becomes a subject.
 *
 * Clients have a NATS account of their own per Weft account; it imports `weft.invoke.<account>.>` and
 * `weft.event.<account>.>` and sees no other subject of the fabric.
 */

const target = (account: AccountId, name: FunctionName, qualifier?: string): string => {
  return `${account}.${name}${qualifier === undefined ? '' : `.${qualifierToken(qualifier)}`}`
}

const qualifierToken = (qualifier: string): string => {
  if (!isQualifier(qualifier)) throw new TypeError(`not a qualifier: ${JSON.stringify(qualifier)}`)
  return qualifier
}

/** Letters, digits and hyphens: what S3 takes, without dots, which would part tokens. */
export const isBucketName = (s: string): boolean => /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(s)

const bucketToken = (bucket: string): string => {
  if (!isBucketName(bucket)) throw new TypeError(`not a bucket name: ${JSON.stringify(bucket)}`)
  return bucket
}

const blobToken = (id: string): string => {
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new TypeError(`not a blob id: ${JSON.stringify(id)}`)
  return id
}

const uploadOf = (account: AccountId, bucket: string, id: string): string =>
  `weft.upload.${account}.${bucketToken(bucket)}.${blobToken(id)}`

/** Names of buses, rules and schedules may hold dots, which would part tokens; `$` is in no such name. */
export const nameToken = (name: string): string => {
  if (!/^[.\w-]+$/.test(name)) throw new TypeError(`not a name: ${JSON.stringify(name)}`)
  return name.replaceAll('.', '$d')
}

export const subjects = {
  /** `weft.invoke.<account>.<function>[.<qualifier>]`: request/reply, answered by frontends in a queue group. */
  invoke: (account: AccountId, name: FunctionName, qualifier?: string) =>
    `weft.invoke.${target(account, name, qualifier)}`,
  invokeAll: 'weft.invoke.*.>',
  invokeOf: (account: AccountId) => `weft.invoke.${account}.>`,
  invokeQueueGroup: 'weft-frontends',

  /** `weft.event.<account>.<function>[.<qualifier>]`: what clients publish; the publish ack is the acceptance. */
  event: (account: AccountId, name: FunctionName, qualifier?: string) =>
    `weft.event.${target(account, name, qualifier)}`,
  eventOf: (account: AccountId) => `weft.event.${account}.>`,

  /** `weft.accept.<account>.<function>[.<qualifier>]`: events taken in by a frontend, whose headers are trusted. */
  accept: (account: AccountId, name: FunctionName, qualifier?: string) =>
    `weft.accept.${target(account, name, qualifier)}`,
  acceptOf: (account: AccountId) => `weft.accept.${account}.>`,

  /** `weft.retry.<account>.<function>[.<qualifier>]`: events that wait for their next attempt. */
  retry: (account: AccountId, name: FunctionName, qualifier?: string) =>
    `weft.retry.${target(account, name, qualifier)}`,
  retryOf: (account: AccountId) => `weft.retry.${account}.>`,
  retryAll: 'weft.retry.*.>',

  /** `weft.dead.<account>.<function>`: events that ended without success, kept for the user to see. */
  dead: (account: AccountId, name: FunctionName) => `weft.dead.${account}.${name}`,
  deadAll: 'weft.dead.*.*',

  /** `weft.bus.<account>.<bus>`: events of an event bus, until their rules have been followed. */
  bus: (account: AccountId, bus: string) => `weft.bus.${account}.${nameToken(bus)}`,
  busAll: 'weft.bus.*.*',

  /** `weft.topic.<account>.<topic>`: messages of a topic, until its subscribers have them. */
  topic: (account: AccountId, topic: string) => `weft.topic.${account}.${nameToken(topic)}`,
  topicAll: 'weft.topic.*.*',

  /** `weft.notice.<account>.<bucket>`: what queues and topics are to be told of a bucket, until they have it. */
  notice: (account: AccountId, bucket: string) => `weft.notice.${account}.${bucketToken(bucket)}`,
  noticeAll: 'weft.notice.*.*',

  /** `weft.archive.<account>.<archive>`: events of a bus that an archive keeps. */
  archive: (account: AccountId, archive: string) => `weft.archive.${account}.${nameToken(archive)}`,
  archivesOf: (account: AccountId) => `weft.archive.${account}.*`,
  archiveAll: 'weft.archive.*.*',

  /** `weft.record.<account>.<function>`: batches of invocation records, JSON lines. */
  record: (account: AccountId, name: FunctionName) => `weft.record.${account}.${name}`,
  recordAll: 'weft.record.*.*',

  /** `weft.log.<account>.<function>`: batches of log lines of one log stream. */
  log: (account: AccountId, name: FunctionName) => `weft.log.${account}.${name}`,
  logAll: 'weft.log.*.*',
  logOf: (account: AccountId) => `weft.log.${account}.*`,

  /** `weft.capacity.<partition>`: CapacityAnnouncement, for metrics and for who adds and takes away workers; not stored. */
  capacity: (partition: number) => `weft.capacity.${partition}`,
  capacityAll: 'weft.capacity.*',

  /** `weft.bucket.<account>.<bucket>`: an S3-shaped bucket. */
  bucket: (account: AccountId, bucket: string) => `weft.bucket.${account}.${bucketToken(bucket)}`,
  bucketOf: (account: AccountId) => `weft.bucket.${account}.*`,
  bucketAll: 'weft.bucket.*.*',
  /** `weft.object.<account>.<bucket>.<key in base64url>`: an object's entry; the key may hold any character. */
  object: (account: AccountId, bucket: string, key: string) =>
    `weft.object.${account}.${bucketToken(bucket)}.${Buffer.from(key).toString('base64url')}`,
  objectOf: (account: AccountId, bucket: string) => `weft.object.${account}.${bucketToken(bucket)}.*`,
  objectsOf: (account: AccountId) => `weft.object.${account}.*.*`,
  objectAll: 'weft.object.*.*.*',
  /** `weft.upload.<account>.<bucket>.<id>[.<part>]`: an upload in parts, and each part of it, until it is an object. */
  upload: (account: AccountId, bucket: string, id: string) => uploadOf(account, bucket, id),
  uploadPart: (account: AccountId, bucket: string, id: string, part: number) =>
    `${uploadOf(account, bucket, id)}.${part}`,
  uploadParts: (account: AccountId, bucket: string, id: string) => `${uploadOf(account, bucket, id)}.*`,
  uploadPartsOf: (account: AccountId) => `weft.upload.${account}.*.*.*`,
  uploadsOf: (account: AccountId, bucket: string) => `weft.upload.${account}.${bucketToken(bucket)}.*`,
  uploadAll: 'weft.upload.*.*.>',
  /** `weft.blob.<account>.<id>.<part>`: a piece of an object's bytes; never changes. */
  blob: (account: AccountId, id: string, part: number) => `weft.blob.${account}.${blobToken(id)}.${part}`,
  blobOf: (account: AccountId, id: string) => `weft.blob.${account}.${blobToken(id)}.*`,
  blobAll: 'weft.blob.*.*.*',
} as const

export const streams = {
  /** One per account, so that message ids, size limits and floods of one account cannot touch another's events. */
  events: (account: AccountId) => `WEFT_EVENTS_${account}`,
  retries: 'WEFT_RETRIES',
  dead: 'WEFT_DEAD',
  /** Events of buses and messages of topics. */
  bus: 'WEFT_BUS',
  /** Events that archives keep. Writer: poller. */
  archives: 'WEFT_ARCHIVES',
  records: 'WEFT_RECORDS',
  logs: 'WEFT_LOGS',
  /** What buckets and objects there are. Writer: frontend. */
  objects: 'WEFT_OBJECTS',
  /** The bytes of the objects. Writer: frontend. */
  blobs: 'WEFT_BLOBS',
} as const

export const consumers = {
  asyncQueue: 'async-queue',
  /** On the retry stream, one per account, so that one account's waiting events do not stand before another's. */
  retriesOf: (account: AccountId) => `async-queue-${account}`,
  metrics: 'metrics',
  /** On the stream of the buses and topics. */
  rules: 'rules',
  /** On the stream of the logs. */
  logFilters: 'log-filters',
  /** On the account's own stream, one per event source mapping. */
  mapping: (uuid: string) => {
    if (!/^[0-9a-f-]{36}$/.test(uuid)) throw new TypeError(`not a mapping id: ${JSON.stringify(uuid)}`)
    return `weft-mapping-${uuid}`
  },
} as const

export const buckets = {
  /** `<account>` → Account. Writer: admin. */
  accounts: 'weft-accounts',
  /**
   * `<account>.<function>` → FunctionRecord, and what belongs to it under longer keys (`catalogueKeys`): in one bucket, so
   * that every watcher hears of a version before an alias that leads to it. Writer: frontend.
   */
  functions: 'weft-functions',
  /** `<account>.<uuid>` → EventSourceMapping. Writer: frontend (wishes), poller (states). */
  mappings: 'weft-mappings',
  /** `<account>.<uuid>.<shard in base64url>` → how far it was read. Writer: the poller that holds the shard. */
  positions: 'weft-positions',
  /** `<account>.<uuid>` → which poller runs the mapping; entries expire unless renewed. Writer: the poller that holds it. */
  mappingLeases: 'weft-mapping-leases',
  /** `placement.<partition>` → Leader. Writer: the placement that wins the compare-and-set. */
  leaders: 'weft-leaders',
  /** `<service>.<instance>` → Member, expiring unless rewritten. Writer: each instance its own. */
  members: 'weft-members',
  /** Object store: hex SHA-256 → zip. Writer: frontend. */
  code: 'weft-code',
  /** `<account>.<id>` → CodeSigningConfig. Writer: frontend. */
  codeSigning: 'weft-code-signing',
  /** `httpApiKeys` → HttpApiEntry. Writer: frontend. */
  httpApis: 'weft-http-apis',
  /** `layerKeys` → LayerEntry. Writer: frontend. */
  layers: 'weft-layers',
  /** `<account>.<kind>.<name>` → role, user or managed policy. Writer: frontend. */
  identities: 'weft-identities',
  /** `<account>.<function>.<qualifier>` → ProvisionedStatus, and `lastModifiedMs` of the settings it is about. Writer: placement. */
  provisioned: 'weft-provisioned',
  /** `snapStartKey` → SnapStartEntry. Writer: placement. */
  snapStarts: 'weft-snap-starts',
  /** `triggerKeys` → TriggerRecord. Writer: frontend; the clock's own entry and schedules that are over: poller. */
  triggers: 'weft-triggers',
  /** `<account>.<request id>` → invocations whose results are kept. Writers: frontend (new ones, cancels), async-queue. */
  invocations: 'weft-invocations',
  /** Rollups of invocation records, and how far they count. Writer: metrics. */
  rollups: 'weft-rollups',
} as const

/** Keys of the bucket of functions. */
export const catalogueKeys = {
  /** `<account>.<function>` → FunctionRecord. */
  function: (account: AccountId, name: FunctionName) => `${account}.${name}`,
  /** `<account>.<function>.version.<number>` → PublishedVersion. */
  version: (account: AccountId, name: FunctionName, version: string) =>
    `${account}.${name}.version.${qualifierToken(version)}`,
  /** `<account>.<function>.alias.<alias>` → Alias. */
  alias: (account: AccountId, name: FunctionName, alias: string) => `${account}.${name}.alias.${qualifierToken(alias)}`,
  /** `<account>.<function>.numbering` → VersionNumbering, of functions that were deleted. */
  numbering: (account: AccountId, name: FunctionName) => `${account}.${name}.numbering`,
} as const

export type CatalogueKeyKind = 'function' | 'version' | 'alias' | 'numbering'

export interface CatalogueKey {
  readonly kind: CatalogueKeyKind
  readonly accountId: AccountId
  readonly functionName: FunctionName
  /** The version or alias. */
  readonly qualifier?: string
}

/** Reads a key of the bucket of functions back. */
export function parseCatalogueKey(key: string): Result<CatalogueKey, 'malformed'> {
  const [account, name, kind = 'function', qualifier, ...rest] = key.split('.')
  if (!account || !isAccountId(account) || !name || !isFunctionName(name) || rest.length > 0) return err('malformed')
  const whose = { accountId: account, functionName: name }
  if (qualifier === undefined)
    return kind === 'function' || kind === 'numbering' ? ok({ kind, ...whose }) : err('malformed')
  if (kind !== 'version' && kind !== 'alias') return err('malformed')
  return isQualifier(qualifier) ? ok({ kind, ...whose, qualifier }) : err('malformed')
}

/** `<account>.<function>.<qualifier>`: key of the bucket of provisioned states. */
export const provisionedKey = (account: AccountId, name: FunctionName, qualifier: string): string =>
  target(account, name, qualifier)

/** Headers of NATS messages. Those of clients are read only where the comment says so. */
export const headers = {
  /** Fabric to fabric; ignored from clients. */
  requestId: 'Weft-Request-Id',
  attempt: 'Weft-Attempt',
  /** Function errors so far; throttles and platform errors do not count. */
  functionErrors: 'Weft-Function-Errors',
  /** How often the event was put back; with the request id the message id of a retry. */
  turn: 'Weft-Turn',
  /** Throttles and platform errors since the last run; they lengthen the wait. */
  backoffs: 'Weft-Backoffs',
  /** Base64 JSON `{code, message}` of the last failure. */
  lastError: 'Weft-Last-Error',
  /** Set once an event must not run again: the condition it ended with, while its dead letter is being delivered. */
  ending: 'Weft-Ending',
  /** `1`: the invocation is in the book of those whose results are kept. */
  tracked: 'Weft-Tracked',
  /** Percent-encoded id of the tenant whose event it is. */
  tenant: 'Weft-Tenant-Id',
  /** With an ending: base64 JSON of the last answer but its payload, which stands behind the event's in the message. */
  response: 'Weft-Response',
  /** With an ending: which of its targets have it already, or will never have it. */
  settledTargets: 'Weft-Settled-Targets',
  notBefore: 'Weft-Not-Before',
  acceptedAt: 'Weft-Accepted-At',
  /** Hex SHA-256 of the payload, checked before it runs. */
  checksum: 'Weft-Checksum',
  /** From clients too. */
  traceId: 'X-Amzn-Trace-Id',
  traceparent: 'traceparent',
  clientContext: 'X-Amz-Client-Context',
  /** As the client has it; for functions that keep tenants apart. */
  tenantId: 'X-Amz-Tenant-Id',
  logType: 'X-Amz-Log-Type',
  invocationType: 'X-Amz-Invocation-Type',
  /** On dead letters, named as the message attributes of AWS. */
  deadRequestId: 'RequestID',
  deadErrorCode: 'ErrorCode',
  deadErrorMessage: 'ErrorMessage',
  deadCondition: 'Weft-Condition',
  deadAttempts: 'Weft-Attempts',
  deadFunctionArn: 'Weft-Function-Arn',
  /** Why the function's own dead-letter target did not get the event. */
  deadTargetError: 'Weft-Dead-Letter-Error',
  /** On replies. */
  executedVersion: 'X-Amz-Executed-Version',
  logResult: 'X-Amz-Log-Result',
  functionError: 'Weft-Function-Error',
  serviceError: 'Nats-Service-Error',
  serviceErrorCode: 'Nats-Service-Error-Code',
  errorType: 'Weft-Error-Type',
  errorReason: 'Weft-Error-Reason',
} as const

export interface TargetSubject {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly qualifier?: string
}

/** Reads `weft.<verb>.<account>.<function>[.<qualifier>]` back. */
export function parseTargetSubject(subject: string): Result<TargetSubject, 'malformed'> {
  const [weft, verb, account, name, qualifier, ...rest] = subject.split('.')
  if (weft !== 'weft' || !verb || !account || !name || rest.length > 0) return err('malformed')
  if (!isAccountId(account) || !isFunctionName(name)) return err('malformed')
  if (qualifier !== undefined && !isQualifier(qualifier)) return err('malformed')
  return ok({ accountId: accountId(account), functionName: name, ...(qualifier !== undefined && { qualifier }) })
}
