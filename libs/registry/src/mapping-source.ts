import { type AwsError, type EventSourceMapping, ok, parseJetStreamArn, type Result } from '@weft/contracts'
import { invalidParameter } from './errors.ts'
import type { CreateMappingInput } from './inputs.ts'
import type { Scope } from './scope.ts'

/**
 * What a mapping may ask of its source. `stream`: records in order, a position that is kept. `queue`: messages that are
 * deleted one by one. `fifo`: a queue that keeps the order of each group.
 */
export type SourceShape = 'stream' | 'queue' | 'fifo'

export interface NamedSource {
  readonly arn: string
  readonly shape: SourceShape
}

/** Sources outside the fabric, each by the form of its ARN; the poller knows how they are reached. */
const brokerShapes: readonly (readonly [form: RegExp, shape: SourceShape])[] = [
  [/^arn:aws:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,75}\.fifo$/, 'fifo'],
  [/^arn:aws:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,80}$/, 'queue'],
  [/^arn:aws:mq:[a-z0-9-]+:\d{12}:broker:[\w-]{1,64}$/, 'queue'],
  [/^arn:aws:kinesis:[a-z0-9-]+:\d{12}:stream\/[\w.-]{1,128}$/, 'stream'],
  [/^arn:aws:dynamodb:[a-z0-9-]+:\d{12}:table\/[\w.-]{3,255}\/stream\/[\w:.-]{1,64}$/, 'stream'],
  [/^arn:aws:mqtt:[a-z0-9-]+:\d{12}:topic\/[\w-]{1,64}\/.{1,512}$/, 'stream'],
  [/^arn:aws:kafka:[a-z0-9-]+:\d{12}:cluster\/[\w-]{1,64}\/[\w-]{1,64}$/, 'stream'],
  [/^arn:aws:redis:[a-z0-9-]+:\d{12}:stream\/[\w-]{1,64}\/.{1,512}$/, 'stream'],
]

/** Shape of a source by its ARN; undefined for what is no source. */
export function shapeOf(arn: string): SourceShape | undefined {
  const parsed = parseJetStreamArn(arn)
  if (!parsed.ok) return brokerShapes.find(([form]) => form.test(arn))?.[1]
  switch (parsed.value.kind) {
    case 'stream':
    case 'bucket':
      return 'stream'
    case 'queue':
      return parsed.value.name.endsWith('_fifo') ? 'fifo' : 'queue'
    case 'subject':
      return undefined
  }
}

export const isStreamShaped = ({ eventSourceArn }: Pick<EventSourceMapping, 'eventSourceArn'>): boolean =>
  isKafka(eventSourceArn) || shapeOf(eventSourceArn) === 'stream'

export const isKafka = (arn: string): boolean => arn.startsWith('arn:aws:kafka:')

/** The source that a request names: of the account and region. Errors: InvalidParameterValueException. */
export function sourceOf(input: CreateMappingInput, scope: Scope): Result<NamedSource, AwsError> {
  const arn = input.EventSourceArn
  if (input.SelfManagedEventSource !== undefined) return selfManaged(input, scope)
  if (arn === undefined) return invalidParameter('Unrecognized event source.')
  const shape = shapeOf(arn)
  if (shape === undefined)
    return invalidParameter(
      `Unrecognized event source, must be a JetStream stream, queue or bucket (arn:aws:jetstream:${scope.region}:${scope.accountId}:stream/NAME, …:queue/NAME, …:bucket/NAME), SQS, Kinesis, a DynamoDB stream, Kafka, or a Redis stream, MQTT topic or RabbitMQ of a broker`,
    )
  const [, , service, region, account] = arn.split(':')
  const queues = input.Queues?.length ?? 0
  if (queues !== (service === 'mq' ? 1 : 0))
    return invalidParameter(
      service === 'mq'
        ? 'Exactly one queue must be specified in Queues.'
        : 'Queues is only supported for message brokers.',
    )
  // Of AWS, or of what speaks its protocol: whose it is, the credentials there decide.
  if (service === 'sqs' || service === 'kinesis' || service === 'dynamodb' || service === 'kafka')
    return ok({ arn, shape })
  if (region !== scope.region)
    return invalidParameter(`The event source must be in the region of the function, ${scope.region}.`)
  if (account !== scope.accountId) return invalidParameter('The event source belongs to another account.')
  return ok({ arn, shape })
}

/** A cluster that the request names by its brokers has no ARN; within the fabric it goes by one made of their names. */
function selfManaged(input: CreateMappingInput, scope: Scope): Result<NamedSource, AwsError> {
  const servers = input.SelfManagedEventSource?.Endpoints?.KAFKA_BOOTSTRAP_SERVERS
  if (input.EventSourceArn !== undefined || !servers?.length) return invalidParameter('Unrecognized event source.')
  const wrong = servers.find((server) => !/^[\w.-]{1,253}:\d{1,5}$/.test(server))
  if (wrong !== undefined)
    return invalidParameter(`Invalid bootstrap server, must be host:port: ${wrong.slice(0, 300)}`)
  if (input.Queues?.length) return invalidParameter('Queues is only supported for message brokers.')
  const arn = `arn:aws:kafka:${scope.region}:${scope.accountId}:self-managed/${servers.toSorted().join(',')}`
  return ok({ arn, shape: 'stream' })
}
