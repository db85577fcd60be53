import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  type QueueAttributeName,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { type EventSourceMapping, err, ok, type Result } from '@weft/contracts'
import { type MappingSource, type MappingSources, type SourceRecord, sourceRecord } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import { awsClientOptions } from './aws-client.ts'
import { brokerOfKind } from './broker-book.ts'
import type { BrokerOptions } from './broker-sources.ts'
import { reasonOf, unsharded } from './unsharded.ts'

/** Of one request to SQS. */
const mostPerCall = 10
const longestPollSeconds = 20

interface SqsArn {
  readonly region: string
  readonly account: string
  readonly name: string
}

/** `arn:aws:sqs:REGION:ACCOUNT:NAME`, of AWS or of what speaks its protocol. */
function parseArn(arn: string): SqsArn | undefined {
  const [, region, account, name] = /^arn:aws:sqs:([a-z0-9-]+):(\d{12}):([\w-]{1,80}(?:\.fifo)?)$/.exec(arn) ?? []
  return region && account && name ? { region, account, name } : undefined
}

/** Messages that wait for which a provisioned mapping takes one poller more. */
const messagesPerPoller = 1_000

/**
 * SQS through the AWS SDK, at the endpoint and with the credentials of the account's `aws` broker. A queue is read as a
 * whole, or by provisioned pollers side by side, each under a lease: more of them the more messages wait.
 */
export function sqsSources({ brokers, clock }: BrokerOptions): MappingSources {
  const reach = async <T>(
    mapping: EventSourceMapping,
    attributes: readonly QueueAttributeName[],
    use: (client: SQSClient, url: string, arn: SqsArn, found: Partial<Record<string, string>>) => T,
  ): Promise<Result<T, string>> => {
    const arn = parseArn(mapping.eventSourceArn)
    if (!arn) return err(`PROBLEM: ${mapping.eventSourceArn} is no SQS queue.`)
    const broker = brokerOfKind(brokers, mapping.accountId, 'aws')
    if (!broker.ok) return broker
    const client = new SQSClient(awsClientOptions(broker.value, arn.region))
    try {
      const { QueueUrl: url = '' } = await client.send(
        new GetQueueUrlCommand({ QueueName: arn.name, QueueOwnerAWSAccountId: arn.account }),
      )
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...attributes] }),
      )
      return ok(use(client, url, arn, Attributes))
    } catch (error) {
      client.destroy()
      return err(`PROBLEM: Queue ${arn.name} cannot be read: ${reasonOf(error)}`)
    }
  }
  const whole = unsharded(
    (mapping) =>
      reach(mapping, ['VisibilityTimeout', 'CreatedTimestamp'], (client, url, arn, found) => {
        const visibilityMs = Number(found.VisibilityTimeout ?? 30) * 1_000
        return new SqsSource(client, url, arn, mapping, visibilityMs, found.CreatedTimestamp ?? '', clock)
      }),
    async () => {},
  )
  return {
    ...whole,
    isSharded: ({ provisionedPollers }) => provisionedPollers !== undefined,
    async shards(mapping) {
      const { minimum, maximum } = mapping.provisionedPollers ?? { minimum: 1, maximum: 1 }
      const waiting = await reach(mapping, ['ApproximateNumberOfMessages'], (client, _url, _arn, found) => {
        client.destroy()
        return Number(found.ApproximateNumberOfMessages ?? 0)
      })
      if (!waiting.ok) return waiting
      const pollers = Math.min(maximum, Math.max(minimum, Math.ceil(waiting.value / messagesPerPoller)))
      return ok(Array.from({ length: pollers }, (_, n) => `poller-${n}`))
    },
  }
}

interface Held {
  readonly receipt: string
  /** Monotonic ms until which no other receives it. */
  until: number
}

class SqsSource implements MappingSource {
  readonly order: MappingSource['order']
  readonly incarnation: string
  readonly frame = { kind: 'records' } as const
  readonly batchInfo = 'SQSBatchInfo'
  readonly visibilityMs: number
  readonly #client: SQSClient
  readonly #url: string
  readonly #arn: SqsArn
  readonly #mapping: EventSourceMapping
  readonly #clock: Clock
  readonly #held = new Map<SourceRecord, Held>()

  constructor(
    client: SQSClient,
    url: string,
    arn: SqsArn,
    mapping: EventSourceMapping,
    visibilityMs: number,
    incarnation: string,
    clock: Clock,
  ) {
    this.#client = client
    this.#url = url
    this.#arn = arn
    this.#mapping = mapping
    this.#clock = clock
    this.visibilityMs = visibilityMs
    this.incarnation = incarnation
    this.order = arn.name.endsWith('.fifo') ? 'grouped' : 'unordered'
  }

  async read(most: number, waitMs: number, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const askedAtMs = this.#clock.monotonic()
    const { Messages = [] } = await this.#client
      .send(
        new ReceiveMessageCommand({
          QueueUrl: this.#url,
          MaxNumberOfMessages: Math.min(most, mostPerCall),
          WaitTimeSeconds: Math.min(longestPollSeconds, Math.floor(waitMs / 1_000)),
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
        { abortSignal: signal },
      )
      .catch((error: unknown) => {
        if (signal.aborted) return { Messages: [] }
        throw error
      })
    return Messages.map((message) => {
      const record = this.#record(message)
      this.#held.set(record, { receipt: message.ReceiptHandle ?? '', until: askedAtMs + this.visibilityMs * 0.9 })
      return record
    })
  }

  held(): boolean {
    const now = this.#clock.monotonic()
    return [...this.#held.values()].every(({ until }) => now < until)
  }

  async extend(): Promise<void> {
    const until = this.#clock.monotonic() + this.visibilityMs * 0.9
    const seconds = Math.ceil(this.visibilityMs / 1_000)
    for (const some of chunks([...this.#held.values()])) {
      try {
        const { Successful = [] } = await this.#client.send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: this.#url,
            Entries: some.map(({ receipt }, n) => ({ Id: `${n}`, ReceiptHandle: receipt, VisibilityTimeout: seconds })),
          }),
        )
        for (const { Id } of Successful) {
          const one = some[Number(Id)]
          if (one) one.until = until
        }
      } catch {
        // Unanswered: perhaps extended, not surely.
      }
    }
  }

  async settle(records: readonly SourceRecord[]): Promise<void> {
    for (const some of chunks(records)) {
      const { Failed = [] } = await this.#client.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.#url,
          Entries: some.map((record, n) => ({ Id: `${n}`, ReceiptHandle: this.#held.get(record)?.receipt ?? '' })),
        }),
      )
      const failed = new Set(Failed.map(({ Id }) => Number(Id)))
      some.forEach((record, n) => {
        if (!failed.has(n)) this.#held.delete(record)
      })
      if (failed.size > 0) throw new Error(`${failed.size} messages were not deleted: ${Failed[0]?.Message ?? ''}`)
    }
  }

  /** The visibility timeout that runs brings it back. */
  giveBack(record: SourceRecord): void {
    this.#held.delete(record)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  #record(message: Message): SourceRecord {
    const { MessageId: id = '', Body: body = '', Attributes: attributes = {} } = message
    const messageAttributes = Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [
        name,
        {
          ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
          ...(value.BinaryValue && { binaryValue: Buffer.from(value.BinaryValue).toString('base64') }),
          stringListValues: [],
          binaryListValues: [],
          dataType: value.DataType,
        },
      ]),
    )
    const about = {
      messageId: id,
      receiptHandle: message.ReceiptHandle,
      attributes,
      messageAttributes,
      md5OfBody: message.MD5OfBody,
      eventSource: 'aws:sqs',
      eventSourceARN: this.#mapping.eventSourceArn,
      awsRegion: this.#arn.region,
    }
    const raw = new TextEncoder().encode(body)
    const traceHeader = attributes.AWSTraceHeader
    return sourceRecord(
      {
        id,
        storedAtMs: Number(attributes.SentTimestamp ?? this.#clock.now()),
        orderKey: attributes.MessageGroupId ?? '',
        view: { members: about, payload: { member: 'body', bytes: raw } },
        receiveCount: Number(attributes.ApproximateReceiveCount ?? 1),
        raw,
        ...(traceHeader !== undefined && { traceHeader }),
      },
      { ...about, body },
    )
  }
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += mostPerCall) yield all.slice(at, at + mostPerCall)
}
