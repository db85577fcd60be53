import type { CodeSignature } from './code-signing.ts'
import type { AccountId, FunctionName } from './ids.ts'
import type { IsolationClass } from './isolation.ts'
import type { ProvisionedScaling } from './scaling.ts'

/** Configuration of `$LATEST` or of a published version, as stored. Durations in ms, sizes in MB or bytes. */
export interface FunctionVersion {
  /** `$LATEST` or a number. */
  readonly version: string
  readonly description: string
  readonly runtime: string
  readonly handler: string
  readonly role: string
  readonly timeoutMs: number
  readonly memoryMb: number
  readonly ephemeralStorageMb: number
  readonly environment: Readonly<Record<string, string>>
  /** Why the environment variables could not be opened; `environment` is empty then, and the version cannot run. */
  readonly environmentError?: EnvironmentError
  /** The key that the user names for the environment variables; kept and told. */
  readonly kmsKeyArn?: string
  readonly architecture: 'x86_64' | 'arm64'
  readonly logFormat: 'Text' | 'JSON'
  readonly logGroup: string
  /** The least that is logged, with JSON; INFO when absent. */
  readonly applicationLogLevel?: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'
  readonly systemLogLevel?: 'DEBUG' | 'INFO' | 'WARN'
  /** Networks of the fabric that its environments join; absent: none but the fabric's own doors. */
  readonly vpc?: VpcSettings
  readonly tracingMode: 'PassThrough' | 'Active'
  /** An image has neither runtime nor handler: both are "". */
  readonly packageType: 'Zip' | 'Image'
  readonly code: CodeLocation
  /** What the function says in place of what its image says. */
  readonly imageConfig?: ImageSettings
  /** What is laid under /opt, in order: a later layer shadows an earlier one. Absent: none. */
  readonly layers?: readonly LayerReference[]
  readonly deadLetterTargetArn?: string
  /** SnapStart: what is published of it is initialised ahead of its calls. */
  readonly snapStart?: true
  /** New at every change; what RevisionId compares. */
  readonly revisionId: string
  readonly lastModifiedMs: number
  readonly state: 'Pending' | 'Active' | 'Inactive' | 'Failed'
  readonly stateReason?: string
  readonly stateReasonCode?: string
  readonly lastUpdateStatus: 'Successful' | 'Failed' | 'InProgress'
  readonly lastUpdateStatusReason?: string
  readonly lastUpdateStatusReasonCode?: string
}

export interface EnvironmentError {
  readonly code: 'KMSNotFoundException' | 'KMSAccessDeniedException'
  readonly message: string
}

export interface CodeLocation {
  /** Lower-case hex SHA-256 of the zip; its name in the code store. Of an image, of its manifest, which is not stored. */
  readonly digest: string
  /** AWS's CodeSha256: the same in base64, of an image in hex. */
  readonly sha256: string
  /** Of the zip, or of all layers of the image as they are stored. */
  readonly sizeBytes: number
  /** Set if and only if the package type is Image. */
  readonly image?: ImageLocation
  /** Of all its files unpacked. Absent: not counted when it was stored. */
  readonly unzippedBytes?: number
  /** Absent: it is not signed. */
  readonly signature?: CodeSignature
  /** The key that the user names for the package, which lies sealed then: `digest` is that of the sealed bytes. */
  readonly sourceKmsKeyArn?: string
  /** What opens a sealed package, base64; a secret of the record. */
  readonly key?: string
}

/** A container image whose layers are in the code store, or on their way there. */
export interface ImageLocation {
  /** As the user gave it. */
  readonly imageUri: string
  /** `registry/repository@sha256:…`: the image that was meant at that moment, for one platform. */
  readonly resolvedImageUri: string
  /** Base first. */
  readonly layers: readonly ImageLayer[]
  /** What the image's own config says; absent members are not in it. */
  readonly entryPoint?: readonly string[]
  readonly command?: readonly string[]
  readonly workingDirectory?: string
  readonly environment?: Readonly<Record<string, string>>
}

export interface ImageLayer {
  /** Lower-case hex SHA-256 of the blob as it is stored, which is as the registry had it. */
  readonly digest: string
  /** Of the blob. */
  readonly sizeBytes: number
  readonly compression: 'gzip' | 'zstd' | 'none'
}

/** AWS's ImageConfig. A member that is absent is as the image has it. */
export interface ImageSettings {
  readonly entryPoint?: readonly string[]
  readonly command?: readonly string[]
  readonly workingDirectory?: string
}

/** Stands among the runtimes that workers offer, and in a sandbox spec, for functions that are container images. */
export const imageRuntime = 'image'

/** An image that is being brought into the code store for `$LATEST` of a function. */
export interface ImageImport {
  /** What `$LATEST` becomes when the image is there. Absent: it is a new function, which waits for its first one. */
  readonly change?: Pick<FunctionVersion, 'code' | 'architecture' | 'revisionId' | 'lastModifiedMs'>
  /** The version that was published by the same request and waits as well. */
  readonly publishes?: Pick<FunctionVersion, 'version' | 'revisionId' | 'lastModifiedMs' | 'description'>
  /** Who brings it. It tells that it lives by moving the time on; when that has passed, another may take over. */
  readonly claim?: { readonly by: string; readonly untilMs: number }
  /** How often it was begun. */
  readonly attempts: number
}

export interface VpcSettings {
  readonly subnetIds: readonly string[]
  readonly securityGroupIds: readonly string[]
}

/** A layer version as a function uses it: it goes on running with it when the layer version is deleted. */
export interface LayerReference {
  /** `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:NUMBER`. */
  readonly arn: string
  /** Lower-case hex SHA-256 of the zip; its name in the code store. */
  readonly digest: string
  /** Of the zip. */
  readonly sizeBytes: number
  /** Of all its files unpacked; counts against the 250 MB of the function. */
  readonly unzippedBytes: number
}

/** Settings of the URL of a function or alias. */
export interface FunctionUrl {
  /** First label of the host name: 32 of `a-z2-7`; never given twice. */
  readonly urlId: string
  readonly authType: 'NONE' | 'AWS_IAM'
  readonly invokeMode: 'BUFFERED' | 'RESPONSE_STREAM'
  readonly cors?: FunctionUrlCors
  readonly createdAtMs: number
  readonly lastModifiedMs: number
}

/** As stored; what is absent adds no header. */
export interface FunctionUrlCors {
  readonly allowCredentials?: boolean
  readonly allowHeaders?: readonly string[]
  readonly allowMethods?: readonly string[]
  readonly allowOrigins?: readonly string[]
  readonly exposeHeaders?: readonly string[]
  readonly maxAgeSeconds?: number
}

/** How events are retried; what is absent is as AWS has it by default. */
export interface EventInvokeSettings {
  readonly maximumRetryAttempts?: number
  readonly maximumEventAgeSeconds?: number
  /** ARNs of where the record of an invocation goes that succeeded, or failed for good. */
  readonly onSuccessArn?: string
  readonly onFailureArn?: string
  /** When they were last put or updated. */
  readonly lastModifiedMs?: number
}

/** One function with what belongs to it as a whole. */
export interface FunctionRecord {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  /** Unqualified. */
  readonly functionArn: string
  /** What the store holds of secrets that could not be opened here; kept as it is when the record is written. */
  readonly sealed?: string
  /**
   * Of this life of the function: versions and aliases carry the same, so that what is left of a deleted function of the
   * same name is not taken for this one's. Absent where they carry none either.
   */
  readonly functionId?: string
  readonly createdAtMs: number
  readonly latest: FunctionVersion
  /** The highest number ever given to a version of a function of this name; absent: none was. */
  readonly lastVersion?: number
  /** Digest of the code and settings that the last version was published from. */
  readonly lastPublished?: string
  readonly tags: Readonly<Record<string, string>>
  /** Absent: the function draws on the account's unreserved pool. */
  readonly reservedConcurrency?: number
  /** What becomes of a loop that the function is part of; Terminate when absent. */
  readonly recursiveLoop?: 'Allow' | 'Terminate'
  /** Of events for the function itself, which is `$LATEST`. */
  readonly eventInvoke?: EventInvokeSettings
  /** Of events for a version or alias, by its name. */
  readonly qualifiedEventInvoke?: Readonly<Record<string, EventInvokeSettings>>
  /** URLs by qualifier: `$LATEST` for the function itself, or the name of an alias. */
  readonly urls?: Readonly<Record<string, FunctionUrl>>
  /** Environments to be kept ready, by the number of a version or the name of an alias; at most one leads to a version. */
  readonly provisioned?: Readonly<Record<string, ProvisionedConcurrency>>
  /** How their number is scaled, by the same qualifiers; also of one that has none at the moment. */
  readonly scaling?: Readonly<Record<string, ProvisionedScaling>>
  /** When a call found a version with SnapStart Inactive, by its number, epoch ms. */
  readonly wokenSnapStarts?: Readonly<Record<string, number>>
  /** Absent: no image is on its way. */
  readonly imageImport?: ImageImport
  /** Which code signing config watches over its packages and layers; absent: none. */
  readonly codeSigningArn?: string
  /** How runtimes are updated, by version; a version that is not here has whichever its worker has. */
  readonly runtimeManagement?: Readonly<Record<string, RuntimeManagement>>
  /** Every call is one of a tenant's, and no environment serves two; set for good when the function is created. */
  readonly tenancy?: 'PER_TENANT'
  /** Who may call it, by qualifier: `$LATEST` for the function itself, a version, or the name of an alias. */
  readonly policies?: Readonly<Record<string, ResourcePolicy>>
}

/** The runtime of a version that does not follow the workers. */
export interface RuntimeManagement {
  readonly updateOn: 'FunctionUpdate' | 'Manual'
  /** `arn:aws:lambda:REGION::runtime:RUNTIME:VERSION`: the one it runs on. */
  readonly runtimeVersionArn: string
}

/** How many environments of a version are to be kept ready for calls through one qualifier. */
export interface ProvisionedConcurrency {
  readonly requested: number
  readonly lastModifiedMs: number
}

/** How far the fabric is with it. */
export interface ProvisionedStatus {
  /** Environments started for it; of these, ready or busy. */
  readonly allocated: number
  readonly available: number
  readonly status: 'IN_PROGRESS' | 'READY' | 'FAILED'
  /** With FAILED, for example FUNCTION_ERROR_INIT_FAILURE. */
  readonly statusReason?: string
}

/** A policy on a resource. */
export interface ResourcePolicy {
  /** New at every change. */
  readonly revisionId: string
  /** Made one by one, or given as a document. */
  readonly statements: readonly { readonly Sid?: string }[]
}

/** A statement in the words of AWS, members in the order they are printed. */
export interface PolicyStatement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Principal: '*' | { readonly AWS: string } | { readonly Service: string }
  readonly Action: string
  readonly Resource: string
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** A published version as stored: it never changes, except that one whose image is on its way becomes Active or Failed. */
export interface PublishedVersion {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly functionId?: string
  readonly version: FunctionVersion
}

export interface Alias {
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly functionId?: string
  readonly name: string
  /** `$LATEST` or a number. */
  readonly functionVersion: string
  readonly description: string
  /** A second version and its share of the calls, 0 to 1. */
  readonly additional?: { readonly version: string; readonly weight: number }
  /** New at every change; what RevisionId compares. */
  readonly revisionId: string
}

/** What outlives a deleted function, so that no version number is ever given twice. */
export interface VersionNumbering {
  readonly lastVersion: number
}

/** A function version that a call resolved to, and the qualifier it was reached by. */
export interface ResolvedFunction {
  readonly record: FunctionRecord
  readonly version: FunctionVersion
  readonly qualifier?: string
  /** With the qualifier as the caller wrote it. */
  readonly invokedArn: string
}

/** How a mapping reads Kafka; its topic is the one of `filterSubjects`. */
export interface KafkaSettings {
  /** `host:port` as the mapping names them; absent: a cluster that the source's ARN names. */
  readonly bootstrapServers?: readonly string[]
  readonly consumerGroupId: string
  /** What the brokers are shown, each with the URI of the secret that holds it. */
  readonly access: readonly {
    readonly type:
      | 'BASIC_AUTH'
      | 'SASL_SCRAM_256_AUTH'
      | 'SASL_SCRAM_512_AUTH'
      | 'CLIENT_CERTIFICATE_TLS_AUTH'
      | 'SERVER_ROOT_CA_CERTIFICATE'
    readonly uri: string
  }[]
}

export interface EventSourceMapping {
  readonly uuid: string
  readonly accountId: AccountId
  readonly functionName: FunctionName
  readonly qualifier?: string
  readonly functionArn: string
  readonly eventSourceArn: string
  readonly enabled: boolean
  readonly batchSize: number
  readonly maximumBatchingWindowMs: number
  readonly startingPosition: 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP'
  readonly startingPositionTimestampMs?: number
  /** -1: until it succeeds or the record is too old. */
  readonly maximumRetryAttempts: number
  /** -1: no limit. */
  readonly maximumRecordAgeSeconds: number
  readonly bisectBatchOnFunctionError: boolean
  readonly reportBatchItemFailures: boolean
  /** Narrows the stream's subjects; Weft's own, from FilterCriteria is not derived. Empty: all. */
  readonly filterSubjects: readonly string[]
  /** FilterCriteria: event patterns as JSON, of which a record must match one. Absent: all records. */
  readonly filters?: readonly string[]
  /** ARN of where what is known of records goes that were given up. */
  readonly onFailureArn?: string
  /** Batches of one shard at a time, those of one key one after another; 1 when absent. */
  readonly parallelizationFactor?: number
  /** Absent: no tumbling windows. */
  readonly tumblingWindowMs?: number
  /** Of a source on Kafka. */
  readonly kafka?: KafkaSettings
  /** Provisioned mode: how many read the source at a time. Absent: as many as Weft sees fit. */
  readonly provisionedPollers?: { readonly minimum: number; readonly maximum: number }
  /** Batches of a queue at a time. */
  readonly maximumConcurrency?: number
  /** Queues of a message broker. */
  readonly queues?: readonly string[]
  readonly tags?: Readonly<Record<string, string>>
  readonly state: 'Creating' | 'Enabling' | 'Enabled' | 'Disabling' | 'Disabled' | 'Updating' | 'Deleting'
  readonly stateTransitionReason: string
  /** What happened last: "No records processed", "OK", "PROBLEM: …". */
  readonly lastProcessingResult: string
  readonly lastModifiedMs: number
}

export interface AccessKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly status: 'Active' | 'Inactive'
}

export interface Account {
  readonly accountId: AccountId
  readonly name: string
  readonly concurrencyLimit: number
  /** Synchronous calls per second for each environment that its concurrency allows; AWS has 10. Absent: as many as they serve. */
  readonly requestsPerEnvironment?: number
  /** Bytes its own streams and buckets in NATS may fill; its accepted events may fill half as much beside. */
  readonly storageBytes?: number
  /** Bytes of its packages, every version counted. Absent: as AWS has it, 75 GB. */
  readonly codeStorageBytes?: number
  /** Bytes of the objects in its buckets. Absent: as much as the fabric has for them. */
  readonly bucketStorageBytes?: number
  /** What must at least keep the sandboxes of its functions apart. Absent: what workers have. */
  readonly isolation?: IsolationClass
  readonly createdAtMs?: number
  /** Every door is closed to it, and its events and mappings wait; nothing of it is lost. */
  readonly disabled?: true
  readonly accessKeys: readonly AccessKey[]
  /** What the store holds of keys whose secrets could not be opened here; `accessKeys` is empty then. */
  readonly sealed?: string
}

/** Who leads a partition. The epoch grows by one with every change of leader and fences the older ones. */
export interface Leader {
  readonly instanceId: string
  /** host:port of the placement's gRPC door; "" when wired in memory. */
  readonly address: string
  readonly epoch: number
  readonly renewedAtMs: number
  /**
   * The workers on which leases of this partition may be live. Written before the first lease on a worker is granted and
   * handed on from leader to leader, so that a new leader knows whose reports it lacks. Absent: not known.
   */
  readonly workers?: readonly LeaderWorker[]
}

export interface LeaderWorker {
  readonly workerId: string
  /** Sandboxes that fit on it at most: how many leases may be live there while it is silent. */
  readonly slots: number
}

/** A live instance of a service. */
export interface Member {
  readonly service: string
  readonly instanceId: string
  readonly address: string
  readonly startedAtMs: number
  /** Of frontends: every change of functions up to this revision of the store is known to it. */
  readonly catalogueRevision?: number
  /** The same of accounts. */
  readonly accountsRevision?: number
  /** Of workers: the runtimes whose functions they can run. */
  readonly runtimes?: readonly string[]
  /** Of workers: the same with their versions, for example `nodejs24.x:24.21.0`. */
  readonly runtimeVersions?: readonly string[]
  /** Of workers: ids of the subnets and security groups that environments on them can have. */
  readonly networks?: readonly string[]
  /** Of workers: what keeps their sandboxes apart. */
  readonly isolation?: IsolationClass
}
