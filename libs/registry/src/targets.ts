import {
  type AwsError,
  ok,
  parseBucketArn,
  parseBusArn,
  parseCloudEventArn,
  parseFunctionRef,
  parseJetStreamArn,
  parseTopicArn,
  type Result,
} from '@weft/contracts'
import { invalidParameter } from './errors.ts'
import type { Scope } from './scope.ts'

export interface TargetRules {
  readonly scope: Scope
  /** Whether the account has a function of this name. */
  readonly functionExists: (name: string) => boolean
  /** The function whose events go to the target: it is none itself. Absent: functions and event buses are no targets. */
  readonly functionName?: string
  /** Whether buckets are targets: for what has failed alone. */
  readonly buckets?: boolean
}

const isOwn = (place: { readonly accountId: string; readonly region: string }, scope: Scope): boolean =>
  place.accountId === scope.accountId && place.region === scope.region

/** A stream, subject or queue of the account and region, or a topic. */
export function takesDeadLetters(arn: string, scope: Scope): boolean {
  const topic = parseTopicArn(arn)
  if (topic) return topic.subscriptionId === undefined && isOwn(topic, scope)
  const parsed = parseJetStreamArn(arn)
  return parsed.ok && parsed.value.kind !== 'bucket' && isOwn(parsed.value, scope)
}

/** A destination of a function's events, AWS's refusals word for word. Errors: InvalidParameterValueException. */
export function checkDestination(
  arn: string,
  { scope, functionExists, functionName, buckets }: TargetRules,
): Result<string, AwsError> {
  if (takesDeadLetters(arn, scope)) return ok(arn)
  if (buckets && parseBucketArn(arn) !== undefined) return ok(arn)
  const named = parseCloudEventArn(arn) ?? (functionName === undefined ? undefined : parseBusArn(arn))
  if (named && isOwn(named, scope)) return ok(arn)
  const invalid = invalidParameter(`The destination ARN ${arn} is invalid.`)
  const ref = arn.startsWith('arn:') ? parseFunctionRef(arn) : undefined
  if (!ref?.ok || functionName === undefined) return invalid
  const target = ref.value
  if (target.accountId !== scope.accountId || target.region !== scope.region) return invalid
  if (!functionExists(target.functionName)) return invalid
  if (target.functionName === functionName)
    return invalidParameter("You can't specify the function as a destination for itself.")
  return ok(arn)
}
