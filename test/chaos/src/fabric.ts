import { accountId, type EventSourceMapping, functionName, streamArn } from '@weft/contracts'
import { MemoryCatalogue, recordNamed } from '@weft/registry/testing'

export const account = accountId('000000000000')
export const name = functionName('chaos')
export const region = 'us-east-1'
export const ordersStream = 'ORDERS'

/** How long the queue and the poller hold what they work on, ms; a pause beyond it lets others take over. */
export const holdMs = 3_000

export const mapping: EventSourceMapping = {
  uuid: '00000000-0000-4000-8000-000000000001',
  accountId: account,
  functionName: name,
  functionArn: `arn:aws:lambda:${region}:${account}:function:${name}`,
  eventSourceArn: streamArn(region, account, ordersStream),
  enabled: true,
  batchSize: 10,
  maximumBatchingWindowMs: 0,
  startingPosition: 'TRIM_HORIZON',
  maximumRetryAttempts: -1,
  maximumRecordAgeSeconds: -1,
  bisectBatchOnFunctionError: false,
  reportBatchItemFailures: false,
  filterSubjects: [],
  state: 'Enabled',
  stateTransitionReason: 'USER_INITIATED',
  lastProcessingResult: 'No records processed',
  lastModifiedMs: 0,
}

/** The one function and the one mapping of the test. */
export function catalogue(): MemoryCatalogue {
  const all = new MemoryCatalogue()
  const record = recordNamed(name)
  const functionArn = mapping.functionArn
  all.accountStore.put(account, { accountId: account, name: 'chaos', concurrencyLimit: 1_000, accessKeys: [] })
  all.functionStore.put(`${account}.${name}`, { ...record, accountId: account, functionArn })
  all.mappingStore.put(`${account}.${mapping.uuid}`, mapping)
  return all
}
