import { type FunctionRecord, LATEST, type ResourcePolicy } from '@weft/contracts'
import { type CompiledPolicy, compilePolicy } from '../language/document.ts'
import { evaluate } from '../language/evaluate.ts'
import type { ContextLookup } from '../language/pattern.ts'
import type { PolicySubject } from '../language/principals.ts'

/** Policies of functions and of layers alike. */
interface Statements {
  readonly statements: readonly object[]
}

const compiled = new WeakMap<Statements, CompiledPolicy>()

/** The policy ready to be evaluated; compiled once for as long as the record lives. */
export function compiledResourcePolicy(policy: Statements): CompiledPolicy {
  const known = compiled.get(policy)
  if (known) return known
  const made = compilePolicy({ Version: '2012-10-17', Statement: policy.statements }, 'resource')
  // Statements are made by the fabric alone; one that cannot be read grants nothing.
  const usable = made.ok ? made.value : { statements: [] }
  compiled.set(policy, usable)
  return usable
}

export type PolicyOwner = Pick<FunctionRecord, 'functionArn' | 'policies'>

/** Policy of a function, a version or an alias; `$LATEST` is the function itself. Each has its own, none is handed down. */
export function policyOf(record: Pick<FunctionRecord, 'policies'>, qualifier = LATEST): ResourcePolicy | undefined {
  const all = record.policies ?? {}
  return Object.hasOwn(all, qualifier) ? all[qualifier] : undefined
}

/** A service that calls a function on behalf of one of its resources. */
export interface ServiceCall {
  /** `events.amazonaws.com`, `s3.amazonaws.com`, `sns.amazonaws.com`, `apigateway.amazonaws.com` … */
  readonly service: string
  /** ARN of the rule, bucket, topic or API behind the call. */
  readonly sourceArn?: string
  /** Account that owns it. */
  readonly sourceAccount?: string
  readonly eventSourceToken?: string
  /** Version or alias that is called; absent: the function itself. */
  readonly qualifier?: string
}

/**
 * Whether a trigger may invoke a function: a statement of the function's resource policy must name its service and fit its
 * source. That guards against the confused deputy: a bucket of another account cannot call a function that trusts S3.
 */
export const serviceMayInvoke = (record: PolicyOwner, call: ServiceCall): boolean =>
  granted(record, call.qualifier, { service: call.service }, 'lambda:InvokeFunction', {
    'aws:sourcearn': call.sourceArn,
    'aws:sourceaccount': call.sourceAccount,
    'aws:principalservicename': call.service,
    'aws:principalisawsservice': 'true',
    'lambda:eventsourcetoken': call.eventSourceToken,
    'lambda:functionarn': record.functionArn,
  })

/**
 * Whether anybody may call the URL of a function or alias whose AuthType is NONE: AWS asks the resource policy then, too.
 */
export const anonymousMayUseUrl = (record: PolicyOwner, qualifier?: string): boolean =>
  granted(record, qualifier, {}, 'lambda:InvokeFunctionUrl', {
    'lambda:functionurlauthtype': 'NONE',
    'lambda:invokedviafunctionurl': 'true',
    'lambda:functionarn': record.functionArn,
  })

function granted(
  record: PolicyOwner,
  qualifier: string | undefined,
  subject: PolicySubject,
  action: string,
  values: Readonly<Record<string, string | undefined>>,
): boolean {
  const policy = policyOf(record, qualifier)
  if (!policy) return false
  const resource = qualifier === undefined ? record.functionArn : `${record.functionArn}:${qualifier}`
  const context: ContextLookup = (key) => (Object.hasOwn(values, key) ? values[key] : undefined)
  return evaluate([compiledResourcePolicy(policy)], { subject, action, resource, context }).kind === 'allow'
}
