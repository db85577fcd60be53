import type { Alias, EventSourceMapping, FunctionRecord, FunctionVersion, KafkaSettings } from '@weft/contracts'
import { qualifiedOf } from './by-qualifier.ts'
import { describeSignature } from './code-signing.ts'
import { eventInvokeOf } from './event-invoke.ts'
import { expectedLatest } from './images.ts'
import { isStreamShaped } from './mapping-source.ts'
import { runtimeVersionArn } from './runtime-management.ts'
import { hasSnapStart } from './snap-start.ts'

/** `2025-11-25T02:26:54.000+0000`: how AWS writes the dates of functions. */
export const awsDate = (ms: number): string => new Date(ms).toISOString().replace('Z', '+0000')

/**
 * A FunctionConfiguration of the AWS API. `qualifier` as the caller wrote it; it shows in the ARN. An image on its way for
 * `$LATEST` shows already, as on AWS.
 */
export function describeFunction(record: FunctionRecord, stored: FunctionVersion, qualifier?: string) {
  const version = stored === record.latest ? expectedLatest(record) : stored
  const isImage = version.packageType === 'Image'
  return {
    FunctionName: record.functionName,
    FunctionArn: qualifier === undefined ? record.functionArn : `${record.functionArn}:${qualifier}`,
    ...(!isImage && { Runtime: version.runtime }),
    Role: version.role,
    ...(!isImage && { Handler: version.handler }),
    // As on AWS, where images lie elsewhere.
    CodeSize: isImage ? 0 : version.code.sizeBytes,
    Description: version.description,
    Timeout: version.timeoutMs / 1000,
    MemorySize: version.memoryMb,
    LastModified: awsDate(version.lastModifiedMs),
    CodeSha256: version.code.sha256,
    Version: version.version,
    ...(version.layers && { Layers: version.layers.map(({ arn, sizeBytes }) => ({ Arn: arn, CodeSize: sizeBytes })) }),
    ...(version.vpc && {
      VpcConfig: {
        SubnetIds: version.vpc.subnetIds,
        SecurityGroupIds: version.vpc.securityGroupIds,
        VpcId: 'vpc-weft',
        Ipv6AllowedForDualStack: false,
      },
    }),
    ...(version.deadLetterTargetArn !== undefined && { DeadLetterConfig: { TargetArn: version.deadLetterTargetArn } }),
    ...describeEnvironment(version),
    ...(version.kmsKeyArn !== undefined && { KMSKeyArn: version.kmsKeyArn }),
    TracingConfig: { Mode: version.tracingMode },
    ...describeSignature(version.code),
    RevisionId: version.revisionId,
    State: version.state,
    ...(version.stateReason !== undefined && { StateReason: version.stateReason }),
    ...(version.stateReasonCode !== undefined && { StateReasonCode: version.stateReasonCode }),
    LastUpdateStatus: version.lastUpdateStatus,
    ...(version.lastUpdateStatusReason !== undefined && { LastUpdateStatusReason: version.lastUpdateStatusReason }),
    ...(version.lastUpdateStatusReasonCode !== undefined && {
      LastUpdateStatusReasonCode: version.lastUpdateStatusReasonCode,
    }),
    PackageType: version.packageType,
    ...describeImageConfig(version),
    Architectures: [version.architecture],
    EphemeralStorage: { Size: version.ephemeralStorageMb },
    SnapStart: {
      ApplyOn: version.snapStart ? 'PublishedVersions' : 'None',
      OptimizationStatus: hasSnapStart(version) ? 'On' : 'Off',
    },
    // As the log tells it when an environment starts.
    ...(!isImage && {
      RuntimeVersionConfig: {
        RuntimeVersionArn: runtimeOf(record, version),
      },
    }),
    ...(record.tenancy && { TenancyConfig: { TenantIsolationMode: record.tenancy } }),
    LoggingConfig: {
      LogFormat: version.logFormat,
      ...(version.logFormat === 'JSON' && {
        ApplicationLogLevel: version.applicationLogLevel ?? 'INFO',
        SystemLogLevel: version.systemLogLevel ?? 'INFO',
      }),
      LogGroup: version.logGroup,
    },
  } as const
}

function describeImageConfig({ imageConfig }: FunctionVersion) {
  if (!imageConfig) return {}
  const { entryPoint, command, workingDirectory } = imageConfig
  return {
    ImageConfigResponse: {
      ImageConfig: {
        ...(entryPoint && { EntryPoint: entryPoint }),
        ...(command && { Command: command }),
        ...(workingDirectory !== undefined && { WorkingDirectory: workingDirectory }),
      },
    },
  }
}

/** The one it stays with; without a version, whichever the worker has. */
const runtimeOf = (record: FunctionRecord, { version, runtime }: FunctionVersion): string =>
  qualifiedOf(record, 'runtimeManagement', version)?.runtimeVersionArn ??
  runtimeVersionArn(record.functionArn.split(':')[3] ?? '', runtime)

function describeEnvironment({ environment, environmentError }: FunctionVersion) {
  if (environmentError)
    return { Environment: { Error: { ErrorCode: environmentError.code, Message: environmentError.message } } }
  return Object.keys(environment).length > 0 ? { Environment: { Variables: environment } } : {}
}

/**
 * What CreateFunction answers: Pending, although the stored record is Active by then, as on AWS. The version that was
 * published with it, if any, shows under the unqualified ARN.
 */
export function describeCreated(record: FunctionRecord, version = record.latest) {
  const { LastUpdateStatus: _later, ...rest } = describeFunction(record, version)
  return { ...rest, ...creating }
}

/** What is told of a version while not every frontend knows of it. */
export function describeSettling(record: FunctionRecord, version: FunctionVersion, qualifier?: string) {
  const isNew = version !== record.latest || version.revisionId === record.functionId
  const { LastUpdateStatus: _later, ...rest } = describeFunction(record, version, qualifier)
  return isNew ? { ...rest, ...creating } : { ...rest, ...updating }
}

/** What an update answers: InProgress, although the stored record has it by then, as on AWS. */
export const describeUpdated = (record: FunctionRecord) =>
  ({ ...describeFunction(record, record.latest), ...updating }) as const

const creating = {
  State: 'Pending',
  StateReason: 'The function is being created.',
  StateReasonCode: 'Creating',
} as const

const updating = {
  LastUpdateStatus: 'InProgress',
  LastUpdateStatusReason: 'The function is being created.',
  LastUpdateStatusReasonCode: 'Creating',
} as const

/** As listed: without what AWS gives for single functions only. */
export function describeListed(record: FunctionRecord, version: FunctionVersion, qualifier?: string) {
  const described = describeFunction(record, version, qualifier)
  const { State: _state, StateReason: _why, StateReasonCode: _code, ...stateless } = described
  const { LastUpdateStatus: _status, LastUpdateStatusReason: _reason, ...others } = stateless
  const { LastUpdateStatusReasonCode: _reasonCode, RuntimeVersionConfig: _runtime, ...rest } = others
  return rest
}

/** An AliasConfiguration of the AWS API. */
export const describeAlias = (record: FunctionRecord, alias: Alias) =>
  ({
    AliasArn: `${record.functionArn}:${alias.name}`,
    Name: alias.name,
    FunctionVersion: alias.functionVersion,
    Description: alias.description,
    ...(alias.additional && {
      RoutingConfig: { AdditionalVersionWeights: { [alias.additional.version]: alias.additional.weight } },
    }),
    RevisionId: alias.revisionId,
  }) as const

export function describeEventInvoke(record: FunctionRecord, qualifier: string) {
  const settings = eventInvokeOf(record, qualifier)
  return {
    FunctionArn: `${record.functionArn}:${qualifier}`,
    LastModified: (settings?.lastModifiedMs ?? record.createdAtMs) / 1000,
    ...(settings?.maximumRetryAttempts !== undefined && { MaximumRetryAttempts: settings.maximumRetryAttempts }),
    ...(settings?.maximumEventAgeSeconds !== undefined && {
      MaximumEventAgeInSeconds: settings.maximumEventAgeSeconds,
    }),
    DestinationConfig: {
      OnSuccess: { ...(settings?.onSuccessArn !== undefined && { Destination: settings.onSuccessArn }) },
      OnFailure: { ...(settings?.onFailureArn !== undefined && { Destination: settings.onFailureArn }) },
    },
  } as const
}

const describeStreamOptions = (mapping: EventSourceMapping) => ({
  StartingPosition: mapping.startingPosition,
  BisectBatchOnFunctionError: mapping.bisectBatchOnFunctionError,
  ...(!mapping.kafka && {
    ParallelizationFactor: mapping.parallelizationFactor ?? 1,
    TumblingWindowInSeconds: (mapping.tumblingWindowMs ?? 0) / 1000,
  }),
})

function describeKafka({ bootstrapServers, consumerGroupId: ConsumerGroupId, access }: KafkaSettings) {
  return {
    ...(bootstrapServers
      ? {
          SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers } },
          SelfManagedKafkaEventSourceConfig: { ConsumerGroupId },
        }
      : { AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId } }),
    ...(access.length > 0 && {
      SourceAccessConfigurations: access.map(({ type: Type, uri: URI }) => ({ Type, URI })),
    }),
  }
}

/** An EventSourceMappingConfiguration of the AWS API. */
export function describeMapping(mapping: EventSourceMapping, region: string) {
  return {
    UUID: mapping.uuid,
    EventSourceMappingArn: `arn:aws:lambda:${region}:${mapping.accountId}:event-source-mapping:${mapping.uuid}`,
    ...(mapping.kafka?.bootstrapServers === undefined && { EventSourceArn: mapping.eventSourceArn }),
    ...(mapping.kafka && describeKafka(mapping.kafka)),
    FunctionArn: mapping.functionArn,
    BatchSize: mapping.batchSize,
    MaximumBatchingWindowInSeconds: mapping.maximumBatchingWindowMs / 1000,
    ...(isStreamShaped(mapping) && describeStreamOptions(mapping)),
    ...(mapping.startingPositionTimestampMs !== undefined && {
      StartingPositionTimestamp: mapping.startingPositionTimestampMs / 1000,
    }),
    MaximumRetryAttempts: mapping.maximumRetryAttempts,
    MaximumRecordAgeInSeconds: mapping.maximumRecordAgeSeconds,
    ...(mapping.filters && { FilterCriteria: { Filters: mapping.filters.map((Pattern) => ({ Pattern })) } }),
    ...(mapping.maximumConcurrency !== undefined && {
      ScalingConfig: { MaximumConcurrency: mapping.maximumConcurrency },
    }),
    ...(mapping.provisionedPollers && {
      ProvisionedPollerConfig: {
        MinimumPollers: mapping.provisionedPollers.minimum,
        MaximumPollers: mapping.provisionedPollers.maximum,
      },
    }),
    FunctionResponseTypes: mapping.reportBatchItemFailures ? (['ReportBatchItemFailures'] as const) : [],
    DestinationConfig: {
      OnFailure: { ...(mapping.onFailureArn !== undefined && { Destination: mapping.onFailureArn }) },
    },
    ...(mapping.filterSubjects.length > 0 && { Topics: mapping.filterSubjects }),
    ...(mapping.queues && { Queues: mapping.queues }),
    State: mapping.state,
    StateTransitionReason: mapping.stateTransitionReason,
    LastProcessingResult: mapping.lastProcessingResult,
    LastModified: mapping.lastModifiedMs / 1000,
  } as const
}
