import {
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
import type { EventTargets, TargetTrouble } from '@weft/delivery'
import { type Identities, roleProblem, serviceMayInvoke } from '@weft/policy'
import { type ResolveCatalogue, resolveFunction } from '@weft/registry'

export interface DeliverDeps {
  readonly catalogue: ResolveCatalogue
  readonly identities: Identities
  readonly targets: EventTargets
  readonly region: string
}

/** Something that is to reach the target of a rule or of a schedule. */
export interface Outgoing {
  readonly of: EventRule | Schedule
  readonly target: TriggerTarget
  readonly payload: string
  /** Equal for every try. */
  readonly messageId: string
}

export const arnOf = (region: string, of: EventRule | Schedule): string =>
  of.kind === 'rule' ? ruleArn(region, of) : scheduleArn(region, of)

/** Why a target cannot have it, in the code that dead-letter targets are told. */
export interface Refusal extends TargetTrouble {
  readonly code: 'NO_PERMISSIONS' | 'NO_RESOURCE' | 'SDK_CLIENT_ERROR'
}

/** Sends to a target once, if its owner allows that. */
export async function deliver(deps: DeliverDeps, outgoing: Outgoing): Promise<Result<void, Refusal>> {
  const { of, target } = outgoing
  const refused =
    target.arn.split(':')[2] === 'lambda' ? lambdaRefusal(deps, of, target) : roleRefusal(deps, of, target)
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
  const { of, target } = outgoing
  if (target.deadLetterArn === undefined) return ok(undefined)
  const message = messageTo(outgoing)
  return deps.targets.send(target.deadLetterArn, {
    ...message,
    messageId: `${message.messageId}-dead`,
    headers: {
      'Weft-Rule-Arn': arnOf(deps.region, of),
      'Weft-Target-Arn': target.arn,
      'Weft-Error-Code': why.code,
      'Weft-Error-Message': why.message.replace(/\s+/g, ' ').slice(0, 1_024),
      'Weft-Exhausted-Retry-Condition': why.condition,
      'Weft-Retry-Attempts': `${why.retries}`,
    },
  })
}

const messageTo = ({ of, target, payload, messageId }: Outgoing) => ({
  accountId: of.accountId,
  functionName: nameIn(target.arn) ?? functionName(of.name.replaceAll('.', '_')),
  payload: new TextEncoder().encode(payload),
  headers: {},
  messageId,
})

function nameIn(arn: string): FunctionName | undefined {
  const ref = parseFunctionRef(arn)
  return ref.ok ? ref.value.functionName : undefined
}

function lambdaRefusal(deps: DeliverDeps, of: EventRule | Schedule, target: TriggerTarget): Refusal | undefined {
  const resolved = resolveFunction(deps.catalogue, { accountId: of.accountId, region: deps.region }, target.arn)
  if (!resolved.ok) return { code: 'NO_RESOURCE', reason: resolved.error.message, permanent: true }
  if (of.kind === 'schedule') return roleRefusal(deps, of, target)
  const sourceArn = ruleArn(deps.region, of)
  const { record, qualifier } = resolved.value
  const call = { service: 'events.amazonaws.com', sourceArn, sourceAccount: of.accountId }
  if (serviceMayInvoke(record, { ...call, ...(qualifier !== undefined && { qualifier }) })) return undefined
  const reason = `the policy of ${target.arn} does not let events.amazonaws.com call it for ${sourceArn}`
  return { code: 'NO_PERMISSIONS', reason, permanent: true }
}

/** What schedules send, and rules to anything but functions, is sent with the rights of a role. */
function roleRefusal(deps: DeliverDeps, of: EventRule | Schedule, target: TriggerTarget): Refusal | undefined {
  const roleArn = target.roleArn ?? (of.kind === 'rule' ? of.roleArn : undefined)
  // A rule may send to what the account itself keeps, without a role, as EventBridge does to queues of the same account.
  if (roleArn === undefined) return undefined
  const problem = roleProblem(deps.identities, {
    ...{ accountId: of.accountId, roleArn, sourceArn: arnOf(deps.region, of), resource: target.arn },
    service: of.kind === 'rule' ? 'events.amazonaws.com' : 'scheduler.amazonaws.com',
    action: actionOn(target.arn),
  })
  return problem === undefined ? undefined : { code: 'NO_PERMISSIONS', reason: problem, permanent: true }
}

/** Weft's own streams, subjects and queues are published to. */
const actionOn = (arn: string): string =>
  arn.split(':')[2] === 'lambda' ? 'lambda:InvokeFunction' : 'jetstream:Publish'
