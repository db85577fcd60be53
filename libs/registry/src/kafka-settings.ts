import { type AwsError, type KafkaSettings, ok, type Result } from '@weft/contracts'
import { invalidParameter, notServed } from './errors.ts'
import type { CreateMappingInput, UpdateMappingInput } from './inputs.ts'

/** What may be said of how a cluster is reached (API reference, SourceAccessConfiguration); MSK knows fewer ways. */
const selfManagedAccess = [
  'BASIC_AUTH',
  'SASL_SCRAM_256_AUTH',
  'SASL_SCRAM_512_AUTH',
  'CLIENT_CERTIFICATE_TLS_AUTH',
  'SERVER_ROOT_CA_CERTIFICATE',
] as const
const managedAccess = ['SASL_SCRAM_512_AUTH', 'CLIENT_CERTIFICATE_TLS_AUTH'] as const

/** Of these a client has one at most. */
const credentials = ['BASIC_AUTH', 'SASL_SCRAM_256_AUTH', 'SASL_SCRAM_512_AUTH'] as const

const oneTopic = 'Exactly one topic must be specified in Topics for a Kafka event source.'

/**
 * Of a new mapping on Kafka: `selfManaged` on brokers that it names, otherwise on a cluster with an ARN. The group is the
 * mapping's own id where none is wished. Errors: InvalidParameterValueException.
 */
export function kafkaSettings(
  input: CreateMappingInput,
  selfManaged: boolean,
  uuid: string,
): Result<KafkaSettings, AwsError> {
  if (input.Topics?.length !== 1) return invalidParameter(oneTopic)
  const wrong = selfManaged ? 'AmazonManagedKafkaEventSourceConfig' : 'SelfManagedKafkaEventSourceConfig'
  if (input[wrong] !== undefined) return unsupported(wrong)
  const config = selfManaged ? input.SelfManagedKafkaEventSourceConfig : input.AmazonManagedKafkaEventSourceConfig
  const unserved = unservedIn(config)
  if (unserved) return unserved
  const access = accessOf(input, selfManaged)
  if (!access.ok) return access
  const servers = input.SelfManagedEventSource?.Endpoints?.KAFKA_BOOTSTRAP_SERVERS
  return ok({
    consumerGroupId: config?.ConsumerGroupId ?? uuid,
    access: access.value,
    ...(selfManaged && servers && { bootstrapServers: servers }),
  })
}

/** After an update: how the cluster is reached may change, its group may not. Errors: InvalidParameterValueException. */
export function updatedKafka(kafka: KafkaSettings, input: UpdateMappingInput): Result<KafkaSettings, AwsError> {
  const config = input.SelfManagedKafkaEventSourceConfig ?? input.AmazonManagedKafkaEventSourceConfig
  const unserved = unservedIn(config)
  if (unserved) return unserved
  if (config?.ConsumerGroupId !== undefined && config.ConsumerGroupId !== kafka.consumerGroupId)
    return invalidParameter('You cannot change the consumer group ID after you create the event source mapping.')
  if (input.SourceAccessConfigurations === undefined) return ok(kafka)
  const access = accessOf(input, kafka.bootstrapServers !== undefined)
  return access.ok ? ok({ ...kafka, access: access.value }) : access
}

/** Refuses what only Kafka has. */
export function refuseKafka(input: UpdateMappingInput): Result<never, AwsError> | undefined {
  if (input.AmazonManagedKafkaEventSourceConfig !== undefined) return unsupported('AmazonManagedKafkaEventSourceConfig')
  if (input.SelfManagedKafkaEventSourceConfig !== undefined) return unsupported('SelfManagedKafkaEventSourceConfig')
  return input.SourceAccessConfigurations?.length ? unsupported('SourceAccessConfigurations') : undefined
}

const unsupported = (member: string): Result<never, AwsError> =>
  invalidParameter(`Unsupported parameter for the event source type: ${member}`)

function unservedIn(
  config: UpdateMappingInput['SelfManagedKafkaEventSourceConfig'],
): Result<never, AwsError> | undefined {
  if (config?.SchemaRegistryConfig !== undefined) return notServed('SchemaRegistryConfig')
  return config?.ConsumptionMode !== undefined ? notServed('ConsumptionMode') : undefined
}

function accessOf(input: UpdateMappingInput, selfManaged: boolean): Result<KafkaSettings['access'], AwsError> {
  const known: readonly KafkaSettings['access'][number]['type'][] = selfManaged ? selfManagedAccess : managedAccess
  const access: KafkaSettings['access'][number][] = []
  for (const { Type, URI } of input.SourceAccessConfigurations ?? []) {
    const type = known.find((one) => one === Type)
    if (type === undefined)
      return invalidParameter(`Invalid source access configuration type for the event source type: ${Type ?? 'null'}`)
    if (URI === undefined) return invalidParameter(`The source access configuration ${type} needs the URI of a secret.`)
    if (access.some((one) => one.type === type))
      return invalidParameter(`The source access configuration ${type} is given more than once.`)
    access.push({ type, uri: URI })
  }
  if (access.filter(({ type }) => credentials.some((one) => one === type)).length > 1)
    return invalidParameter(`Only one of ${credentials.join(', ')} can be given.`)
  return ok(access)
}
