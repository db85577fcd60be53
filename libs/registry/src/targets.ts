import {
  type AwsError,
  ok,
  parseBusArn,
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
  /** The function whose events go to the target: it is none itself. Absent: functions, event buses and topics are no targets. */
  readonly functionName?: string
}

/** A stream, subject or queue of the account and region. */
export const isStreamTarget = (arn: string, scope: Scope): boolean => {
  const parsed = parseJetStreamArn(arn)
  return (
    parsed.ok &&
    parsed.value.kind !== 'bucket' &&
    parsed.value.accountId === scope.accountId &&
    parsed.value.region === scope.region
  )
}

/** A destination of a function's events, AWS's refusals word for word. Errors: InvalidParameterValueException. */
export function checkDestination(
  arn: string,
  { scope, functionExists, functionName }: TargetRules,
): Result<string, AwsError> {
  if (isStreamTarget(arn, scope)) return ok(arn)
  const named = functionName === undefined ? undefined : (parseBusArn(arn) ?? parseTopicArn(arn))
  const whole = named && !('subscriptionId' in named)
  if (whole && named.accountId === scope.accountId && named.region === scope.region) return ok(arn)
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
