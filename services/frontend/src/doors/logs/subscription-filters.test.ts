import { catalogueKeys, functionName, logGroupArn, type TriggerRecord } from '@weft/contracts'
import type { StreamReader } from '@weft/nats'
import { MemoryCatalogue, MemoryCollection, recordNamed } from '@weft/registry/testing'
import { beforeEach, expect, it } from 'vitest'
import { doorRequest, testAuthorizer, wholeBody } from '../testing.ts'
import { logsDoor } from './logs-door.ts'

const record = recordNamed('sink')
const { accountId: account, functionArn } = record
const group = '/aws/lambda/shop'
const now = Date.UTC(2026, 0, 15)
let door: ReturnType<typeof logsDoor>

/** Knows of lines of a function that is gone. */
const logs: StreamReader = {
  state: async () => ({ createdAt: '', firstSequence: 1, lastSequence: 1 }),
  subjects: async () => new Map([[`weft.log.${account}.shop`, 1]]),
  async *scan() {},
  follow() {
    throw new Error('not used')
  },
}

beforeEach(() => {
  const catalogue = new MemoryCatalogue()
  const statement = (logGroup: string) => ({
    ...{ Sid: logGroup, Effect: 'Allow' as const, Principal: { Service: 'logs.amazonaws.com' } },
    ...{ Action: 'lambda:InvokeFunction', Resource: functionArn },
    Condition: { ArnLike: { 'AWS:SourceArn': logGroupArn('us-east-1', account, logGroup) } },
  })
  const policies = { $LATEST: { revisionId: 'r', statements: [statement(group), statement(record.latest.logGroup)] } }
  catalogue.functionStore.put(catalogueKeys.function(account, functionName('sink')), { ...record, policies })
  const triggers = new MemoryCollection<TriggerRecord>()
  door = logsDoor({
    ...{ logs, catalogue, triggers, authorizer: testAuthorizer(), region: 'us-east-1', clock: { now: () => now } },
  })
})

async function call(operation: string, input: object) {
  const response = await door.handle(
    doorRequest({
      ...{ method: 'POST', headers: { 'x-amz-target': `Logs_20140328.${operation}` }, accountId: account },
      body: Buffer.from(JSON.stringify(input)),
    }),
  )
  const body = JSON.parse(wholeBody(response).toString())
  return { status: response.status, body, type: body.__type, message: body.message }
}
const wanted = { logGroupName: group, filterName: 'errors', filterPattern: 'ERROR', destinationArn: functionArn }

it('filters are put, changed, shown and deleted', async () => {
  expect(await call('PutSubscriptionFilter', wanted)).toMatchObject({ status: 200, body: {} })
  await call('PutSubscriptionFilter', { ...wanted, filterPattern: '' })
  await call('PutSubscriptionFilter', { ...wanted, filterName: 'all' })
  const shown = await call('DescribeSubscriptionFilters', { logGroupName: group, limit: 1 })
  expect(shown.body.subscriptionFilters).toMatchObject([{ filterName: 'all', filterPattern: 'ERROR' }])
  const { nextToken } = shown.body
  const rest = await call('DescribeSubscriptionFilters', { logGroupName: group, limit: 1, nextToken })
  expect(rest.body).toEqual({
    subscriptionFilters: [
      {
        ...{ filterName: 'errors', logGroupName: group, filterPattern: '', destinationArn: functionArn },
        ...{ distribution: 'ByLogStream', creationTime: now },
      },
    ],
  })
  expect((await call('PutSubscriptionFilter', { ...wanted, filterName: 'third' })).type).toBe('LimitExceededException')
  for (const filterName of ['all', 'errors'])
    await call('DeleteSubscriptionFilter', { logGroupName: group, filterName })
  expect((await call('DescribeSubscriptionFilters', { logGroupName: group })).body.subscriptionFilters).toEqual([])
  const again = await call('DeleteSubscriptionFilter', { logGroupName: group, filterName: 'all' })
  expect(again).toMatchObject({ type: 'ResourceNotFoundException' })
})

it.each([
  [{ logGroupName: '/aws/lambda/none' }, 'The specified log group does not exist.'],
  [{ filterPattern: '{ $.a = 1 }' }, 'are not supported here'],
  [{ filterPattern: undefined }, "Value null at 'filterPattern'"],
  [{ filterName: 'a:b' }, "Value at 'filterName'"],
  [{ destinationArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/s' }, 'is not served by this fabric'],
  [{ destinationArn: functionArn.replace('sink', 'none') }, 'Could not execute the lambda function.'],
  [{ logGroupName: record.latest.logGroup }, 'is reserved for the function logs of the destination function.'],
])('%j is refused', async (more, reason) => {
  const refused = await call('PutSubscriptionFilter', { ...wanted, ...more })
  expect(refused).toMatchObject({ status: 400, message: expect.stringContaining(reason) })
})
