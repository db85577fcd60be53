/**
 * Quotas, each with its unit and where AWS states it ("quotas page": Lambda developer guide, gettingstarted-limits).
 */
export const limits = {
  /** Concurrent executions per account and region. Quotas page. */
  accountConcurrency: 1_000,
  /** Concurrency that reservations must leave to the unreserved pool. Quotas page. */
  minimumUnreservedConcurrency: 100,
  /** New execution environments per function and 10 s. Quotas page. */
  scalingEnvironmentsPerWindow: 1_000,
  scalingWindowMs: 10_000,
  /** Synchronous payload, each way, bytes. Quotas page. */
  syncPayloadBytes: 6_291_456,
  /** Where a response is refused, bytes: 6 MiB + 100, as the runtime interface emulator and recordings have it. */
  syncResponseBytes: 6_291_556,
  /** Streamed answer, bytes. Quotas page. */
  streamedResponseBytes: 209_715_200,
  /** What of a streamed answer is sent as fast as it is read, and the rate from then on, bytes. Quotas page. */
  streamBurstBytes: 6_291_456,
  streamBytesPerSecond: 2_097_152,
  /** Asynchronous payload, bytes. Quotas page (since October 2025). */
  asyncPayloadBytes: 1_048_576,
  /** All entries of one PutEvents, and so one event of a bus, bytes. PutEvents reference. */
  busEventBytes: 262_144,
  /** A message with its attributes, and all of a PublishBatch together, bytes. Publish reference. */
  topicMessageBytes: 262_144,
  /** Base64 client context, bytes. API reference of Invoke. */
  clientContextBytes: 3_583,
  /** Body of CreateFunction and UpdateFunctionCode, bytes. Recorded refusal. */
  createRequestBytes: 70_167_211,
  /** Zipped package sent inline, bytes. Quotas page. */
  zipBytes: 52_428_800,
  /** Unpacked package and layers, bytes. Quotas page. */
  unzippedBytes: 262_144_000,
  /** Entries in a package; AWS states none, the cap keeps an archive from exhausting inodes. */
  zipEntries: 50_000,
  image: {
    /** All layers of a container image as they are stored, and again unpacked. Quotas page: 10 GB. */
    bytes: 10_737_418_240,
    /** Its manifest and its config, each; registries take no larger ones. */
    manifestBytes: 4_194_304,
    /** What container engines can stack. */
    layers: 127,
    /** Entry point, command, working directory and variables. Quotas page. */
    settingsBytes: 16_384,
  },
  environmentBytes: 4_096,
  /** Resource policy of a function, version, alias or layer version, bytes. Quotas page. */
  resourcePolicyBytes: 20_480,
  /** Code storage of an account, bytes: 75 GB, as GetAccountSettings of AWS states it. */
  codeStorageBytes: 80_530_636_800,
  /** Access keys of an account itself; a rotation needs two. */
  accessKeys: 5,
  memoryMb: { min: 128, max: 10_240, default: 128 },
  /** Memory that buys one full vCPU. Quotas page. */
  memoryMbPerCpu: 1_769,
  timeoutSeconds: { min: 1, max: 900, default: 3 },
  ephemeralStorageMb: { min: 512, max: 10_240, default: 512 },
  initTimeoutMs: 10_000,
  logTailBytes: 4_096,
  /** Open files and processes inside an execution environment. Quotas page. */
  openFiles: 1_024,
  processes: 1_024,
  async: {
    maximumRetryAttempts: 2,
    maximumEventAgeSeconds: 21_600,
    /** Waits before the first and second retry of a function error, ms. Developer guide, invocation-async-error-handling. */
    retryDelaysMs: [60_000, 120_000],
    /** Back-off of throttles and platform errors: doubling from the first to the second value, ms. Same page. */
    throttleBackoffMs: { first: 1_000, most: 300_000 },
  },
  mapping: {
    batchSize: { min: 1, max: 10_000, default: 100 },
    maximumBatchingWindowSeconds: { min: 0, max: 300, default: 0 },
    maximumRetryAttempts: { min: -1, max: 10_000, default: -1 },
    maximumRecordAgeSeconds: { min: -1, max: 604_800, default: -1 },
    /** Of a queue. Without a window a batch holds ten messages at most, of a FIFO queue in any case. */
    queueBatchSize: { default: 10, unwindowed: 10 },
    /** Provisioned pollers: the least of either bound, and the upper one where none is given. API reference, ProvisionedPollerConfig. */
    pollers: { sqs: { least: 2, usual: 200 }, kafka: { least: 1, usual: 200 } },
    /** Retries of a Kafka batch that has somewhere to go when they end, where none are set. Developer guide, kafka-on-failure. */
    kafkaRetriesWithDestination: 10,
    /** Patterns in FilterCriteria. Quotas page. */
    filters: 5,
    /** Payload of one batch, bytes. Developer guide, invocation-eventsourcemapping. */
    batchBytes: 6_291_456,
  },
} as const
