import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Members = Readonly<Record<string, unknown>>

/** Answers an operation of AWS's JSON protocols; throw a FakeRefusal for an error. */
export type FakeOperations = Readonly<Record<string, (input: Members) => object | Promise<object>>>

export class FakeRefusal extends Error {
  readonly code: string

  constructor(code: string, message = code) {
    super(message)
    this.code = code
  }
}

/** A server that speaks AWS's JSON protocols, by the operations in X-Amz-Target; signatures are not looked at. */
export async function startFakeAws(operations: FakeOperations): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const operation = `${request.headers['x-amz-target']}`.split('.')[1] ?? ''
      const contentType = request.headers['content-type'] ?? 'application/x-amz-json-1.0'
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': contentType, 'x-amzn-requestid': randomUUID() })
        response.end(JSON.stringify(body))
      }
      try {
        const run = operations[operation]
        if (!run) throw new FakeRefusal('UnknownOperationException', operation)
        answer(200, await run(JSON.parse(Buffer.concat(chunks).toString() || '{}') as Members))
      } catch (error) {
        const code = error instanceof FakeRefusal ? error.code : 'InternalFailure'
        answer(code === 'InternalFailure' ? 500 : 400, { __type: code, message: (error as Error).message })
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

interface FakeMessage {
  readonly id: string
  readonly body: string
  readonly group?: string
  receives: number
  visibleAtMs: number
  receipt: string
}

/** An SQS queue: visibility timeouts, receive counts, receipts that a later receive makes void, FIFO groups. */
export class FakeQueue {
  readonly messages: FakeMessage[] = []
  readonly #visibilityMs: number

  constructor(visibilityMs: number) {
    this.#visibilityMs = visibilityMs
  }

  send(body: string, group?: string): void {
    this.messages.push({ id: randomUUID(), body, ...(group && { group }), receives: 0, visibleAtMs: 0, receipt: '' })
  }

  operations(name: string): FakeOperations {
    const byReceipt = (entry: Members): FakeMessage | undefined =>
      this.messages.find(({ receipt }) => receipt !== '' && receipt === entry.ReceiptHandle)
    const batch = (input: Members, act: (message: FakeMessage) => void) => {
      const entries = input.Entries as readonly Members[]
      const found = entries.map((entry) => ({ Id: entry.Id, message: byReceipt(entry) }))
      for (const { message } of found) if (message) act(message)
      return {
        Successful: found.filter(({ message }) => message).map(({ Id }) => ({ Id })),
        Failed: found
          .filter(({ message }) => !message)
          .map(({ Id }) => ({ Id, Code: 'ReceiptHandleIsInvalid', SenderFault: true })),
      }
    }
    return {
      GetQueueUrl: (input) => {
        if (input.QueueName !== name) throw new FakeRefusal('QueueDoesNotExist', 'The specified queue does not exist.')
        return { QueueUrl: `http://127.0.0.1/000000000000/${name}` }
      },
      GetQueueAttributes: () => ({
        Attributes: {
          VisibilityTimeout: `${this.#visibilityMs / 1_000}`,
          CreatedTimestamp: '1',
          ApproximateNumberOfMessages: `${this.messages.length}`,
        },
      }),
      ReceiveMessage: (input) => ({ Messages: this.#receive(Number(input.MaxNumberOfMessages ?? 1)) }),
      DeleteMessageBatch: (input) => batch(input, (message) => this.messages.splice(this.messages.indexOf(message), 1)),
      ChangeMessageVisibilityBatch: (input) =>
        batch(input, (message) => {
          message.visibleAtMs = Date.now() + this.#visibilityMs
        }),
    }
  }

  #receive(most: number): readonly object[] {
    const now = Date.now()
    const busy = new Set(this.messages.filter((one) => one.visibleAtMs > now).map(({ group }) => group))
    const free = this.messages.filter((one) => one.visibleAtMs <= now && (!one.group || !busy.has(one.group)))
    return free.slice(0, most).map((message) => {
      message.receives++
      message.visibleAtMs = now + this.#visibilityMs
      message.receipt = randomUUID()
      return {
        MessageId: message.id,
        ReceiptHandle: message.receipt,
        Body: message.body,
        MD5OfBody: createHash('md5').update(message.body).digest('hex'),
        Attributes: {
          ApproximateReceiveCount: `${message.receives}`,
          SentTimestamp: `${now}`,
          ...(message.group && { MessageGroupId: message.group }),
        },
      }
    })
  }
}

interface FakeShard {
  readonly id: string
  readonly parent?: string
  readonly records: object[]
  closed: boolean
}

/**
 * A stream of shards as Kinesis and DynamoDB Streams have it: records in order, iterators that say how far they are, shards
 * that end and are continued by others.
 */
export class FakeShards {
  readonly shards: FakeShard[] = []
  #sequence = 0

  add(id: string, parent?: string): void {
    this.shards.push({ id, records: [], closed: false, ...(parent !== undefined && { parent }) })
  }

  close(id: string): void {
    this.#shard(id).closed = true
  }

  /** `make` gives the record for a sequence number. */
  put(id: string, make: (sequence: string) => object): void {
    this.#shard(id).records.push(make(`${++this.#sequence}`.padStart(12, '0')))
  }

  kinesis(): FakeOperations {
    return {
      DescribeStreamSummary: () => ({ StreamDescriptionSummary: { StreamCreationTimestamp: 1, StreamName: 'clicks' } }),
      ListShards: () => ({
        Shards: this.shards.map(({ id, parent }) => ({ ShardId: id, ...(parent && { ParentShardId: parent }) })),
      }),
      GetShardIterator: (input) => this.#iterator(input, input.StartingSequenceNumber, sequenceOfRecord),
      GetRecords: (input) => this.#records(input),
    }
  }

  dynamodb(): FakeOperations {
    return {
      DescribeStream: () => ({
        StreamDescription: {
          Shards: this.shards.map(({ id, parent }) => ({ ShardId: id, ...(parent && { ParentShardId: parent }) })),
        },
      }),
      GetShardIterator: (input) => this.#iterator(input, input.SequenceNumber, sequenceOfChange),
      GetRecords: (input) => this.#records(input),
    }
  }

  #shard(id: unknown): FakeShard {
    const found = this.shards.find((shard) => shard.id === id)
    if (!found) throw new FakeRefusal('ResourceNotFoundException', `shard ${id}`)
    return found
  }

  #iterator(input: Members, after: unknown, sequenceOf: (record: object) => string) {
    const { records } = this.#shard(input.ShardId)
    const at = after === undefined ? 0 : records.findIndex((record) => sequenceOf(record) === after) + 1
    return { ShardIterator: `${input.ShardId}|${at}` }
  }

  #records(input: Members) {
    const [id, from] = `${input.ShardIterator}`.split('|')
    const { records, closed } = this.#shard(id)
    const at = Number(from)
    const some = records.slice(at, at + Number(input.Limit))
    const next = at + some.length
    return { Records: some, ...(!(closed && next === records.length) && { NextShardIterator: `${id}|${next}` }) }
  }
}

const sequenceOfRecord = (record: object): string => (record as { readonly SequenceNumber: string }).SequenceNumber
const sequenceOfChange = (record: object): string =>
  (record as { readonly dynamodb: { readonly SequenceNumber: string } }).dynamodb.SequenceNumber
