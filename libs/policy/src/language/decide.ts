import type { CompiledPolicy } from './document.ts'
import { evaluate, type PolicyRequest, type Verdict } from './evaluate.ts'

export interface DecisionInput extends PolicyRequest {
  /** The account that owns the resource. */
  readonly resourceAccount: string
  /** What is attached to the one who asks; `everything` for the root of an account, `none` for a service or nobody known. */
  readonly identity: readonly CompiledPolicy[] | 'everything' | 'none'
  /** Each narrows what the identity may: a permissions boundary, the policies of a session. */
  readonly boundary?: readonly CompiledPolicy[]
  readonly session?: readonly CompiledPolicy[]
  /** What is attached to the resource. */
  readonly resourcePolicy?: CompiledPolicy | undefined
}

export type PolicySide = 'identity-based' | 'resource-based' | 'session' | 'permissions boundary'

export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly explicit: boolean; readonly side: PolicySide }

const allowed: Decision = { allowed: true }
const denied = (side: PolicySide, explicit = false): Decision => ({ allowed: false, explicit, side })

/**
 * Whether a request is allowed. Within an account either side may allow it; across accounts both must; a Deny anywhere decides.
 * IAM user guide, "Policy evaluation logic".
 */
export function decide(input: DecisionInput): Decision {
  const { identity, resourcePolicy, subject } = input
  const own = subject.accountId === input.resourceAccount
  if (identity === 'everything' && own && !resourcePolicy) return allowed
  const byIdentity = sideVerdict(identity, input)
  if (byIdentity.kind === 'deny') return denied('identity-based', true)
  const byResource = resourcePolicy ? evaluate([resourcePolicy], input) : undefined
  if (byResource?.kind === 'deny') return denied('resource-based', true)
  const byBoundary = input.boundary && evaluate(input.boundary, input)
  if (byBoundary?.kind === 'deny') return denied('permissions boundary', true)
  const bySession = input.session && evaluate(input.session, input)
  if (bySession?.kind === 'deny') return denied('session', true)
  const granted = byResource?.kind === 'allow' ? byResource.closeness : undefined
  if (identity === 'none') return granted ? allowed : denied('resource-based')
  // Named by itself, a user or a session needs no more; a role's grant is narrowed by boundary and session like its own.
  if (own && granted === 'exact') return allowed
  if (byIdentity.kind === 'silent' && !(own && granted === 'named')) return denied('identity-based')
  if (byBoundary?.kind === 'silent') return denied('permissions boundary')
  if (bySession?.kind === 'silent') return denied('session')
  return own || granted ? allowed : denied('resource-based')
}

const everything: Verdict = { kind: 'allow', closeness: 'exact' }
const nothing: Verdict = { kind: 'silent' }

function sideVerdict(identity: DecisionInput['identity'], request: PolicyRequest): Verdict {
  if (identity === 'everything') return everything
  return identity === 'none' ? nothing : evaluate(identity, request)
}

/**
 * AWS's text of a refusal, word for word: tools and people read the missing action from it. IAM user guide, "Troubleshoot
 * access denied error messages".
 */
export function denialText(
  who: string,
  action: string,
  resource: string,
  decision: Extract<Decision, { allowed: false }>,
): string {
  const policy = decision.side === 'permissions boundary' ? decision.side : `${decision.side} policy`
  const article = /^[aeiou]/.test(policy) ? 'an' : 'a'
  const why = decision.explicit
    ? `with an explicit deny in ${article} ${policy}`
    : `because no ${policy} allows the ${action} action`
  return `User: ${who} is not authorized to perform: ${action} on resource: ${resource} ${why}`
}
