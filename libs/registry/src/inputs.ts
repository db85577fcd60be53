/**
 * The members of AWS's requests that the rules read, in AWS's shapes and units, so that decoded requests can be handed
 * over as they are. Checks of the API model (patterns, minima, maxima) have been made before.
 */
type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined }

export type SettingsInput = Optional<{
  Runtime: string
  Role: string
  Handler: string
  Description: string
  /** Seconds. */
  Timeout: number
  /** MB. */
  MemorySize: number
  Environment: Optional<{ Variables: Readonly<Record<string, string>> }>
  EphemeralStorage: { readonly Size: number }
  TracingConfig: Optional<{ Mode: 'PassThrough' | 'Active' }>
  DeadLetterConfig: Optional<{ TargetArn: string }>
  LoggingConfig: Optional<{
    LogFormat: 'Text' | 'JSON'
    ApplicationLogLevel: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'
    SystemLogLevel: 'DEBUG' | 'INFO' | 'WARN'
    LogGroup: string
  }>
  Layers: readonly string[]
  VpcConfig: Optional<{
    SubnetIds: readonly string[]
    SecurityGroupIds: readonly string[]
    Ipv6AllowedForDualStack: boolean
  }>
  FileSystemConfigs: readonly unknown[]
  ImageConfig: Optional<{
    EntryPoint: readonly string[]
    Command: readonly string[]
    WorkingDirectory: string
  }>
  SnapStart: Optional<{ ApplyOn: string }>
  KMSKeyArn: string
  CapacityProviderConfig: object
  DurableConfig: object
}>

export type CreateFunctionInput = SettingsInput & {
  readonly FunctionName: string
  readonly Role: string
} & Optional<{
    PackageType: 'Zip' | 'Image'
    Architectures: readonly ('x86_64' | 'arm64')[]
    Tags: Readonly<Record<string, string>>
    Publish: boolean
    PublishTo: string
    CodeSigningConfigArn: string
    TenancyConfig: { readonly TenantIsolationMode: 'PER_TENANT' }
  }>

export type UpdateFunctionCodeInput = { readonly FunctionName: string } & Optional<{
  ImageUri: string
  Architectures: readonly ('x86_64' | 'arm64')[]
  Publish: boolean
  PublishTo: string
  RevisionId: string
}>

export type UpdateFunctionConfigurationInput = SettingsInput & { readonly FunctionName: string } & Optional<{
    RevisionId: string
  }>

export type PublishVersionInput = { readonly FunctionName: string } & Optional<{
  CodeSha256: string
  Description: string
  RevisionId: string
  PublishTo: string
}>

export type RoutingInput = Optional<{ AdditionalVersionWeights: Readonly<Record<string, number>> }>

export type CreateAliasInput = { readonly Name: string; readonly FunctionVersion: string } & Optional<{
  Description: string
  RoutingConfig: RoutingInput
}>

export type UpdateAliasInput = { readonly Name: string } & Optional<{
  FunctionVersion: string
  Description: string
  RoutingConfig: RoutingInput
  RevisionId: string
}>

export type EventInvokeInput = Optional<{
  MaximumRetryAttempts: number
  MaximumEventAgeInSeconds: number
  DestinationConfig: Optional<{
    OnSuccess: Optional<{ Destination: string }>
    OnFailure: Optional<{ Destination: string }>
  }>
}>

export type PublishLayerInput = Optional<{
  Description: string
  CompatibleArchitectures: readonly string[]
  CompatibleRuntimes: readonly string[]
  LicenseInfo: string
}>

export type LayerPermissionInput = { readonly StatementId: string; readonly Principal: string } & Optional<{
  OrganizationId: string
  RevisionId: string
}>

export type CodeSigningInput = Optional<{
  Description: string
  AllowedPublishers: { readonly SigningProfileVersionArns: readonly string[] }
  CodeSigningPolicies: Optional<{ UntrustedArtifactOnDeployment: 'Warn' | 'Enforce' }>
  Tags: Readonly<Record<string, string>>
}>

export type CorsInput = Optional<{
  AllowCredentials: boolean
  AllowHeaders: readonly string[]
  AllowMethods: readonly string[]
  AllowOrigins: readonly string[]
  ExposeHeaders: readonly string[]
  /** Seconds. */
  MaxAge: number
}>

export type FunctionUrlInput = Optional<{
  AuthType: 'NONE' | 'AWS_IAM'
  Cors: CorsInput
  InvokeMode: 'BUFFERED' | 'RESPONSE_STREAM'
}>

type KafkaConfigInput = Optional<{ ConsumerGroupId: string; SchemaRegistryConfig: object; ConsumptionMode: string }>

type MappingSettings = Optional<{
  Enabled: boolean
  BatchSize: number
  MaximumBatchingWindowInSeconds: number
  MaximumRetryAttempts: number
  MaximumRecordAgeInSeconds: number
  BisectBatchOnFunctionError: boolean
  FunctionResponseTypes: readonly string[]
  ParallelizationFactor: number
  TumblingWindowInSeconds: number
  FilterCriteria: Optional<{ Filters: readonly Optional<{ Pattern: string }>[] }>
  DestinationConfig: Optional<{ OnFailure: Optional<{ Destination: string }> }>
  KMSKeyArn: string
  MetricsConfig: object
  LoggingConfig: object
  ScalingConfig: Optional<{ MaximumConcurrency: number }>
  ProvisionedPollerConfig: Optional<{ MinimumPollers: number; MaximumPollers: number; PollerGroupName: string }>
  SourceAccessConfigurations: readonly Optional<{ Type: string; URI: string }>[]
  AmazonManagedKafkaEventSourceConfig: KafkaConfigInput
  SelfManagedKafkaEventSourceConfig: KafkaConfigInput
  DocumentDBEventSourceConfig: object
}>

export type CreateMappingInput = MappingSettings & { readonly FunctionName: string } & Optional<{
    EventSourceArn: string
    StartingPosition: 'TRIM_HORIZON' | 'LATEST' | 'AT_TIMESTAMP'
    /** Epoch seconds. */
    StartingPositionTimestamp: number
    /** Subjects of the stream. */
    Topics: readonly string[]
    Queues: readonly string[]
    SelfManagedEventSource: Optional<{ Endpoints: Readonly<Record<string, readonly string[]>> }>
    Tags: Readonly<Record<string, string>>
  }>

export type UpdateMappingInput = MappingSettings & Optional<{ FunctionName: string }>
