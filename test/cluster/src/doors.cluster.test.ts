import { randomBytes } from 'node:crypto'
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { accountId, functionName, subjects } from '@weft/contracts'
import type { InvokeResponse, PublishResponse } from '@weft/contracts/api/invoke'
import { openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, invoke, openCluster } from './cluster.ts'
import { createFunction, echo } from './functions.ts'

const name = functionName(`doors-${randomBytes(4).toString('hex')}`)
let cluster: Cluster
let lambda: LambdaClient

beforeAll(async () => {
  cluster = openCluster()
  lambda = await cluster.lambda()
  await createFunction(lambda, name, echo)
})
afterAll(() => cluster?.[Symbol.dispose]())

/** Lines of the function's log that contain the mark. */
async function logged(mark: string): Promise<readonly string[]> {
  const events = await (await cluster.http()).logEvents(`/aws/lambda/${name}`, 0)
  // No group exists before the first line.
  if (!events.ok) return []
  return events.value.map(({ message }) => message).filter((message) => message.includes(mark))
}

test('REST: either frontend runs a function that the other created', async () => {
  for (const frontend of ['frontend-1', 'frontend-2'] as const)
    expect(await invoke(await cluster.lambda(frontend), name, { via: frontend })).toEqual({ echo: { via: frontend } })
})

test('REST: an event is accepted and runs', async () => {
  const mark = `rest-${randomBytes(4).toString('hex')}`
  const { StatusCode } = await lambda.send(
    new InvokeCommand({
      FunctionName: name,
      InvocationType: 'Event',
      Payload: Buffer.from(JSON.stringify({ print: mark })),
    }),
  )
  expect(StatusCode).toBe(202)
  await expect.poll(() => logged(mark), { timeout: 120_000, interval: 500 }).not.toEqual([])
})

test('gRPC: a call is answered and an event runs', async () => {
  const { client, metadata } = await cluster.grpc('frontend-2')
  const answer = await new Promise<InvokeResponse>((resolve, reject) =>
    client.invoke(
      {
        functionName: name,
        qualifier: '',
        payload: Buffer.from('{"via":"grpc"}'),
        clientContext: '',
        tenantId: '',
        idempotencyKey: '',
        keepResultSeconds: 0,
        logTail: false,
        traceHeader: '',
        correlationId: '',
        dryRun: false,
      },
      metadata,
      (error, response) => (error ? reject(error) : resolve(response)),
    ),
  )
  expect(JSON.parse(answer.payload.toString())).toEqual({ echo: { via: 'grpc' } })
  const mark = `grpc-${randomBytes(4).toString('hex')}`
  const accepted = await new Promise<PublishResponse>((resolve, reject) =>
    client.publish(
      {
        functionName: name,
        qualifier: '',
        payload: Buffer.from(JSON.stringify({ print: mark })),
        traceHeader: '',
        deduplicationId: '',
        tenantId: '',
        idempotencyKey: '',
        keepResultSeconds: 0,
      },
      metadata,
      (error, response) => (error ? reject(error) : resolve(response)),
    ),
  )
  expect(accepted.requestId).toMatch(/^[0-9a-f-]{36}$/)
  await expect.poll(() => logged(mark), { timeout: 120_000, interval: 500 }).not.toEqual([])
})

test('NATS: with the account’s credentials a request is answered and a published event runs', async () => {
  const servers = await cluster.natsServers()
  await using link = await openLink({ servers, name: 'client', creds: cluster.natsCreds, log: silentLogger })
  const account = accountId(cluster.connection.accountId)
  const answer = await link.connection.request(subjects.invoke(account, name), '{"via":"nats"}', { timeout: 60_000 })
  expect(answer.json()).toEqual({ echo: { via: 'nats' } })
  const mark = `nats-${randomBytes(4).toString('hex')}`
  const ack = await link.js.publish(subjects.event(account, name), JSON.stringify({ print: mark }), { msgID: mark })
  expect(ack.duplicate).toBe(false)
  await expect.poll(() => logged(mark), { timeout: 120_000, interval: 500 }).not.toEqual([])
  const other = subjects.invoke(accountId('111111111111'), name)
  await expect(link.connection.request(other, '{}', { timeout: 60_000 })).rejects.toThrow('no responders')
})
