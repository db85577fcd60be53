import { accountId } from '@weft/contracts'
import { beforeEach, describe, expect, it } from 'vitest'
import { lambdaTrust } from '../identity/full-access.ts'
import { attachPolicy, putInlinePolicy } from '../identity/holders.ts'
import { identityKey, type Role } from '../identity/records.ts'
import { createRole } from '../identity/roles.ts'
import { MemoryIdentities } from '../testing/index.ts'
import { deadLetterRefusal, sourceRefusal } from './execution-rights.ts'

const account = accountId('123456789012')
const arn = `arn:aws:iam::${account}:role/r`
const stream = `arn:aws:jetstream:us-east-1:${account}:stream/ORDERS`
let identities: MemoryIdentities

function make(
  change: (role: Role) => { readonly ok: boolean; readonly value?: Role } = (value) => ({ ok: true, value }),
) {
  const input = { name: 'r', path: '/', trustPolicy: lambdaTrust(), tags: [] }
  const made = createRole(account, input, { nowMs: 0, idSuffix: 'A' })
  const changed = made.ok ? change(made.value) : made
  if (!changed.ok || !changed.value) throw new Error('the role was not made')
  identities.put(identityKey(account, 'role', 'r'), changed.value)
}
const allow = (Action: string, Resource: string) => (role: Role) =>
  putInlinePolicy(
    role,
    'p',
    JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } }),
  ) as { ok: boolean; value?: Role }

beforeEach(() => {
  identities = new MemoryIdentities()
})

describe('the role of a function', () => {
  it('must let it read its source, in the words of AWS', () => {
    make()
    const refusal = (service: string) =>
      sourceRefusal(
        identities,
        account,
        arn,
        `arn:aws:${service}:us-east-1:${account}:${service === 'sqs' ? 'q' : 'stream/s'}`,
      )
    expect(refusal('jetstream')).toBe(
      'The provided execution role does not have permissions to call Consume on JetStream',
    )
    expect(refusal('sqs')).toBe('The provided execution role does not have permissions to call ReceiveMessage on SQS')
    expect(refusal('kinesis')).toBe(
      `Cannot access stream arn:aws:kinesis:us-east-1:${account}:stream/s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.`,
    )
    expect(refusal('redis')).toBeUndefined()
  })

  it('lets it by its policies, also by those that AWS keeps for that', () => {
    make(allow('jetstream:Consume', stream))
    expect(sourceRefusal(identities, account, arn, stream)).toBeUndefined()
    expect(sourceRefusal(identities, account, arn, `${stream}2`)).toBeDefined()
    make((role) => attachPolicy(role, 'arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole') as never)
    expect(sourceRefusal(identities, account, arn, `arn:aws:sqs:us-east-1:${account}:q`)).toBeUndefined()
  })

  it('must let it send to its dead-letter target', () => {
    make()
    expect(deadLetterRefusal(identities, arn, stream)).toContain('permissions to call Publish on JetStream')
    make(allow('jetstream:*', '*'))
    expect(deadLetterRefusal(identities, arn, stream)).toBeUndefined()
  })

  it('is not asked where it was never made', () => {
    expect(sourceRefusal(identities, account, arn, stream)).toBeUndefined()
    expect(deadLetterRefusal(identities, arn, stream)).toBeUndefined()
  })
})
