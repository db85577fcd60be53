import { type AccountId, parseJetStreamArn } from '@weft/contracts'
import { accessOf, parseIdentityArn } from '../identity/access.ts'
import type { Identities } from '../identity/directory.ts'
import { arnOfIdentity, type Role } from '../identity/records.ts'
import { decide } from '../language/decide.ts'

/** A role as a function names it; undefined for one that was never made, or has been deleted. */
export function madeRole(identities: Pick<Identities, 'role'>, roleArn: string): Role | undefined {
  const named = parseIdentityArn(roleArn)
  const role = named?.kind === 'role' ? identities.role(named.accountId, named.name) : undefined
  return role && arnOfIdentity(role) === roleArn ? role : undefined
}

/** Whether the policies of a role let what runs with it do something in its account. */
export function roleMay(identities: Identities, role: Role, action: string, resource: string): boolean {
  const { identity, boundary } = accessOf(identities, role)
  const { accountId } = role
  const arn = arnOfIdentity(role)
  return decide({
    ...{ subject: { accountId, arn, roleArn: arn }, action, resource },
    ...{ resourceAccount: accountId, context: () => undefined, identity },
    ...(boundary && { boundary }),
  }).allowed
}

interface Rights {
  readonly actions: readonly string[]
  /** How AWS tells that one is missing. */
  readonly told: (action: string, arn: string) => string
}

const call = (action: string, service: string): string =>
  `The provided execution role does not have permissions to call ${action.slice(action.indexOf(':') + 1)} on ${service}`
const stream =
  (needs: string) =>
  (_action: string, arn: string): string =>
    `Cannot access stream ${arn}. Please ensure the role can perform the ${needs} Actions on your stream in IAM.`

/** Developer guide, "Lambda execution role permissions" of each source. Brokers that the operator names ask nobody's role. */
const reading: Readonly<Record<string, Rights>> = {
  jetstream: { actions: ['jetstream:Consume'], told: (action) => call(action, 'JetStream') },
  sqs: {
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    told: (action) => call(action, 'SQS'),
  },
  kinesis: {
    actions: ['kinesis:GetRecords', 'kinesis:GetShardIterator', 'kinesis:DescribeStream', 'kinesis:ListShards'],
    told: stream('GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams'),
  },
  dynamodb: {
    actions: ['dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:DescribeStream'],
    told: stream('GetRecords, GetShardIterator, DescribeStream, and ListStreams'),
  },
}

/** Why a function may not be fed from a source: its role lacks a right. Undefined: it may, or its role was never made. */
export function sourceRefusal(
  identities: Identities,
  account: AccountId,
  roleArn: string,
  sourceArn: string,
): string | undefined {
  const role = madeRole(identities, roleArn)
  const rights = reading[sourceArn.split(':')[2] ?? '']
  if (!role || role.accountId !== account || !rights) return undefined
  const missing = rights.actions.find((action) => !roleMay(identities, role, action, sourceArn))
  return missing === undefined ? undefined : rights.told(missing, sourceArn)
}

/** The same of the dead-letter target that a function names: a stream, subject or queue. */
export function deadLetterRefusal(identities: Identities, roleArn: string, targetArn: string): string | undefined {
  const role = madeRole(identities, roleArn)
  if (!role || !parseJetStreamArn(targetArn).ok) return undefined
  const action = 'jetstream:Publish'
  return roleMay(identities, role, action, targetArn) ? undefined : call(action, 'JetStream')
}
