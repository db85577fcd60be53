import { randomUUID } from 'node:crypto'
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { headers as natsHeaders } from '@nats-io/transport-node'
import { type Account, accountId, catalogueKeys, functionName, streams, subjects } from '@weft/contracts'
import { InvokeServiceClient, type PublishResponse } from '@weft/contracts/api/invoke'
import { startNatsServer } from '@weft/kit'
import {
  ensureAccount,
  ensureFabric,
  type NatsLink,
  natsEventAcceptor,
  openCatalogue,
  openCodeStore,
  openLink,
  openStores,
} from '@weft/nats'
import { silentLogger, systemClock } from '@weft/platform'
import { testSealer } from '@weft/platform/testing'
import { recordNamed } from '@weft/registry/testing'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { frontendDefaults } from '../config.ts'
import { signedFetch } from '../testing/signed-fetch.ts'
import { type AllDoors, startAllDoors } from './all.ts'

const log = silentLogger
const storage = { replicas: 1, storageBytes: 1024 ** 3 } as const
const record = recordNamed('hello')
const us = record.accountId
const stack = new AsyncDisposableStack()
let link: NatsLink
let doors: AllDoors
const limits = new Map<string, number>()

/** Every door of a frontend over a real store, whose streams the tests fill up. */
beforeAll(async () => {
  const server = stack.use(await startNatsServer())
  link = stack.use(await openLink({ servers: [server.url], name: 'test', log }))
  await ensureFabric(link, storage)
  await ensureAccount(link, us, storage)
  const sealer = testSealer()
  const catalogue = stack.use(openCatalogue(link, { log, sealer }))
  await catalogue.whenReady
  const stores = openStores(link, catalogue)
  const account: Account = {
    ...{ accountId: us, name: 'us', concurrencyLimit: 1_000 },
    accessKeys: [{ accessKeyId: 'AKIAUS', secretAccessKey: 'secret', status: 'Active' }],
  }
  await stores.accounts.create(us, account)
  await stores.functions.create(catalogueKeys.function(us, record.functionName), record)
  doors = stack.use(
    await startAllDoors(
      { ...frontendDefaults, http: { host: '127.0.0.1', port: 0 }, grpc: { host: '127.0.0.1', port: 0 } },
      {
        ...{ link, catalogue, stores, sealer, log, clock: systemClock },
        code: openCodeStore(link),
        facts: { record: () => undefined, log: () => undefined, flush: async () => undefined },
        invoker: { invoke: () => Promise.reject(new Error('nothing is run here')) },
        events: natsEventAcceptor({ link, log }),
        clusterSecret: 'a secret of the cluster for tests',
        runtimes: () => ['nodejs24.x'],
        problems: () => [],
      },
    ),
  )
  await send('s3', 'PUT', '/things')
  await json('sns', 'Action=CreateTopic&Version=2010-03-31&Name=news', 'application/x-www-form-urlencoded')
})
afterAll(() => stack.disposeAsync())

const resize = async (stream: string, bytes: number): Promise<void> => {
  const { config } = await link.jsm.streams.info(stream)
  if (!limits.has(stream)) limits.set(stream, config.max_bytes)
  await link.jsm.streams.update(stream, { ...config, max_bytes: bytes })
}
afterEach(async () => {
  for (const [stream, bytes] of limits) await resize(stream, bytes)
})

const send = (
  service: string,
  method: string,
  path: string,
  body: string | Buffer<ArrayBuffer> = '',
  headers: Record<string, string> = {},
) => signedFetch({ host: `127.0.0.1:${doors.httpPort}`, service, method, path, body, headers, key: 'AKIAUS' })
const json = (service: string, body: string, type: string, target?: string) =>
  send(service, 'POST', '/', body, {
    'content-type': type,
    ...(target !== undefined && { 'x-amz-target': target }),
  })

function publishOverGrpc(): Promise<ServiceError | PublishResponse> {
  const grpc = new InvokeServiceClient(`127.0.0.1:${doors.grpcPort}`, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', 'Bearer AKIAUS:secret')
  const request = {
    ...{ functionName: 'hello', qualifier: '', payload: Buffer.from('{}'), traceHeader: '', deduplicationId: '' },
    ...{ tenantId: '', idempotencyKey: '', keepResultSeconds: 0 },
  }
  return new Promise((resolve) =>
    grpc.publish(request, metadata, (error, response) => {
      grpc.close()
      resolve(error ?? response)
    }),
  )
}

const event = { specversion: '1.0', source: '/s', type: 't' }

/** Each door that takes something in: how it answers with room, and how without. */
const accepting: readonly {
  readonly door: string
  readonly stream: string
  readonly give: () => Promise<unknown>
  readonly taken: unknown
  readonly refused: unknown
}[] = [
  {
    ...{ door: 'an event over REST', stream: streams.events(us) },
    give: async () => {
      const headers = { 'x-amz-invocation-type': 'Event' }
      const { status: code, headers: got } = await send(
        'lambda',
        'POST',
        '/2015-03-31/functions/hello/invocations',
        '{}',
        headers,
      )
      return [code, got.get('retry-after')]
    },
    taken: [202, null],
    refused: [503, '1'],
  },
  {
    ...{ door: 'an event over gRPC', stream: streams.events(us) },
    give: async () => {
      const answer = await publishOverGrpc()
      return 'code' in answer ? answer.code : 'accepted'
    },
    taken: 'accepted',
    refused: status.UNAVAILABLE,
  },
  {
    ...{ door: 'an event over NATS', stream: streams.events(us) },
    give: () =>
      link.js.publish(subjects.event(us, functionName('hello')), '{}', { msgID: randomUUID() }).then(
        () => 'acknowledged',
        (error: Error) => error.message,
      ),
    taken: 'acknowledged',
    refused: 'maximum bytes exceeded',
  },
  {
    ...{ door: 'PutEvents', stream: streams.bus },
    give: async () => {
      const entries = { Entries: [{ Source: 's', DetailType: 't', Detail: '{}' }] }
      const { text } = await json(
        'events',
        JSON.stringify(entries),
        'application/x-amz-json-1.1',
        'AWSEvents.PutEvents',
      )
      const { FailedEntryCount, Entries } = JSON.parse(text)
      return [FailedEntryCount, Entries[0].ErrorCode]
    },
    taken: [0, undefined],
    refused: [1, 'ThrottlingException'],
  },
  {
    ...{ door: 'a CloudEvent', stream: streams.bus },
    give: async () => {
      const headers = { 'content-type': 'application/cloudevents+json' }
      const body = JSON.stringify({ ...event, id: randomUUID() })
      return (await send('weft', 'POST', '/2026-01-01/event-buses/default/events', body, headers)).status
    },
    taken: 202,
    refused: 503,
  },
  {
    ...{ door: 'a CloudEvent over NATS', stream: streams.bus },
    give: async () => {
      const body = JSON.stringify({ ...event, id: randomUUID() })
      const structured = natsHeaders()
      structured.set('content-type', 'application/cloudevents+json')
      const reply = await link.connection.request(`weft.invoke.${us}.$events.default`, body, {
        ...{ headers: structured, timeout: 20_000 },
      })
      return reply.headers?.get('Nats-Service-Error-Code') ?? ''
    },
    taken: '',
    refused: '503',
  },
  {
    ...{ door: 'a message to a topic', stream: streams.bus },
    give: async () => {
      const body = `Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:${us}:news&Message=m`
      return (await json('sns', body, 'application/x-www-form-urlencoded')).status
    },
    taken: 200,
    refused: 429,
  },
  {
    ...{ door: 'an object', stream: streams.blobs },
    give: async () => (await send('s3', 'PUT', `/things/${randomUUID()}`, 'body')).status,
    taken: 200,
    refused: 503,
  },
  {
    ...{ door: 'the entry of an object', stream: streams.objects },
    give: async () => (await send('s3', 'PUT', `/things/${randomUUID()}`, 'body')).status,
    taken: 200,
    refused: 503,
  },
  {
    ...{ door: 'the part of an upload', stream: streams.blobs },
    give: async () => {
      const begun = await send('s3', 'POST', '/things/large?uploads=')
      const id = /<UploadId>([0-9a-f-]+)</.exec(begun.text)?.[1]
      return (await send('s3', 'PUT', `/things/large?partNumber=1&uploadId=${id}`, 'part')).status
    },
    taken: 200,
    refused: 503,
  },
]

it.each(accepting)('$door is taken only while there is room for it', async ({ stream, give, taken, refused }) => {
  expect(await give()).toEqual(taken)
  const before = (await link.jsm.streams.info(stream)).state
  await resize(stream, 1)
  expect(await give()).toEqual(refused)
  // What was not acknowledged is not there either, and what was acknowledged is.
  expect((await link.jsm.streams.info(stream)).state.messages).toBe(before.messages)
  await resize(stream, limits.get(stream) ?? -1)
  expect(await give()).toEqual(taken)
})

it('a change of a bucket whose function cannot be told of it is not acknowledged', async () => {
  const arn = `arn:aws:jetstream:us-east-1:${accountId(us)}:queue/JOBS`
  const wish = `<QueueConfiguration><Queue>${arn}</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration>`
  const body = `<NotificationConfiguration>${wish}</NotificationConfiguration>`
  expect((await send('s3', 'PUT', '/things?notification=', body)).status).toBe(200)
  await resize(streams.bus, 1)
  expect((await send('s3', 'PUT', '/things/told', 'body')).status).toBe(503)
  await resize(streams.bus, limits.get(streams.bus) ?? -1)
  expect((await send('s3', 'PUT', '/things/told', 'body')).status).toBe(200)
})
