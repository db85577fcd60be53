import {
  type AccountId,
  type EventRule,
  err,
  type FunctionName,
  functionName,
  ok,
  parseFunctionRef,
  type Result,
  ruleArn,
  type Schedule,
  scheduleArn,
  type TriggerTarget,
} from '@weft/contracts'
import type { BusEvent, EventTargets, TargetMessage, TargetTrouble } from '@weft/delivery'
import { type Identities, roleProblem, serviceMayInvoke } from '@weft/policy'
import { type ResolveCatalogue, resolveFunction } from '@weft/registry'

export interface DeliverDeps {
  readonly catalogue: ResolveCatalogue
  readonly identities: Identities
  readonly targets: EventTargets
  readonly region: string
}

/** What sends to a target, and by whose leave. */
export interface Sender {
  readonly accountId: AccountId
  readonly name: string
  /** Of the rule, schedule, topic, log group or bucket. */
  readonly arn: string
  readonly service:
    | 'events.amazonaws.com'
    | 'scheduler.amazonaws.com'
    | 'sns.amazonaws.com'
    | 'logs.amazonaws.com'
    | 's3.amazonaws.com'
  /** Role of targets that have none of their own. */
  readonly roleArn?: string
}

/** Something that is to reach a target. */
export interface Outgoing {
  readonly from: Sender
  readonly target: TriggerTarget
  readonly payload: string
  /** Equal for every try. */
  readonly messageId: string
  /** X-Amzn-Trace-Id form: carries the lineage on, by which loops are found. */
  readonly traceHeader?: string
  /** The event that it was made of. */
  readonly event?: BusEvent
  /** Of a message of a topic. */
  readonly subject?: string
}

export const senderOf = (region: string, of: EventRule | Schedule): Sender => ({
  ...{ accountId: of.accountId, name: of.name },
  ...(of.kind === 'rule'
    ? { arn: ruleArn(region, of), service: 'events.amazonaws.com' }
    : { arn: scheduleArn(region, of), service: 'scheduler.amazonaws.com' }),
  ...(of.kind === 'rule' && of.roleArn !== undefined && { roleArn: of.roleArn }),
})

/** Why a target cannot have it, in the code that dead-letter targets are told. */
export interface Refusal extends TargetTrouble {
  readonly code: 'NO_PERMISSIONS' | 'NO_RESOURCE' | 'SDK_CLIENT_ERROR'
}

/** Sends to a target once, if its owner allows that. */
export async function deliver(deps: DeliverDeps, outgoing: Outgoing): Promise<Result<void, Refusal>> {
  const { from, target } = outgoing
  const refused =
    target.arn.split(':')[2] === 'lambda' ? lambdaRefusal(deps, from, target) : roleRefusal(deps, from, target)
  if (refused) return err(refused)
  const sent = await deps.targets.send(target.arn, messageTo(outgoing))
  return sent.ok ? ok(undefined) : err({ ...sent.error, code: 'SDK_CLIENT_ERROR' })
}

/** Tells the target's dead-letter queue what could not be delivered; the error: neither could this. */
export async function bury(
  deps: DeliverDeps,
  outgoing: Outgoing,
  why: { readonly code: string; readonly message: string; readonly condition: string; readonly retries: number },
): Promise<Result<void, TargetTrouble>> {
  const { from, target } = outgoing
  if (target.deadLetterArn === undefined) return ok(undefined)
  const message = messageTo(outgoing)
  return deps.targets.send(target.deadLetterArn, {
    ...message,
    messageId: `${message.messageId}-dead`,
    headers: {
      [from.service === 'sns.amazonaws.com' ? 'Weft-Topic-Arn' : 'Weft-Rule-Arn']: from.arn,
      'Weft-Target-Arn': target.arn,
      'Weft-Error-Code': why.code,
      'Weft-Error-Message': why.message.replace(/\s+/g, ' ').slice(0, 1_024),
      'Weft-Exhausted-Retry-Condition': why.condition,
      'Weft-Retry-Attempts': `${why.retries}`,
    },
  })
}

const messageTo = ({ from, target, payload, messageId, traceHeader, event, subject }: Outgoing): TargetMessage => ({
  accountId: from.accountId,
  functionName: nameIn(target.arn) ?? functionName(from.name.replaceAll('.', '_')),
  payload: new TextEncoder().encode(payload),
  headers: {},
  messageId,
  ...(traceHeader !== undefined && { traceHeader }),
  ...(event && { event }),
  ...(subject !== undefined && { subject }),
})

function nameIn(arn: string): FunctionName | undefined {
  const ref = parseFunctionRef(arn)
  return ref.ok ? ref.value.functionName : undefined
}

function lambdaRefusal(deps: DeliverDeps, from: Sender, target: TriggerTarget): Refusal | undefined {
  const { accountId, arn, service } = from
  const resolved = resolveFunction(deps.catalogue, { accountId, region: deps.region }, target.arn)
  if (!resolved.ok) return { code: 'NO_RESOURCE', reason: resolved.error.message, permanent: true }
  if (service === 'scheduler.amazonaws.com') return roleRefusal(deps, from, target)
  const { record, qualifier } = resolved.value
  const call = { service, sourceArn: arn, sourceAccount: accountId }
  if (serviceMayInvoke(record, { ...call, ...(qualifier !== undefined && { qualifier }) })) return undefined
  const reason = `the policy of ${target.arn} does not let ${service} call it for ${arn}`
  return { code: 'NO_PERMISSIONS', reason, permanent: true }
}

/** What schedules send, and rules to anything but functions, is sent with the rights of a role. */
function roleRefusal(deps: DeliverDeps, from: Sender, target: TriggerTarget): Refusal | undefined {
  const roleArn = target.roleArn ?? from.roleArn
  // A rule may send to what the account itself keeps, without a role, as EventBridge does to queues of the same account.
  if (roleArn === undefined) return undefined
  const problem = roleProblem(deps.identities, {
    ...{ accountId: from.accountId, roleArn, sourceArn: from.arn, resource: target.arn, service: from.service },
    action: actionOn(target.arn),
  })
  return problem === undefined ? undefined : { code: 'NO_PERMISSIONS', reason: problem, permanent: true }
}

/** Weft's own streams, subjects and queues are published to. */
const actions: Readonly<Record<string, string>> = { lambda: 'lambda:InvokeFunction', sns: 'sns:Publish' }
const actionOn = (arn: string): string => actions[arn.split(':')[2] ?? ''] ?? 'jetstream:Publish'
