import type { CompiledPolicy, CompiledStatement, PatternList } from './document.ts'
import type { ContextLookup } from './pattern.ts'
import type { Closeness, PolicySubject } from './principals.ts'

/** What is asked of a policy. */
export interface PolicyRequest {
  readonly subject: PolicySubject
  /** `lambda:InvokeFunction`. */
  readonly action: string
  /** ARN, or `*` for what is not about one resource. */
  readonly resource: string
  readonly context: ContextLookup
}

export type Verdict =
  | { readonly kind: 'deny' }
  /** `closeness` tells how a resource's policy named the one who asks; identity policies name nobody. */
  | { readonly kind: 'allow'; readonly closeness: Closeness }
  | { readonly kind: 'silent' }

const deny: Verdict = { kind: 'deny' }
const silent: Verdict = { kind: 'silent' }
const rank: Readonly<Record<Closeness, number>> = { account: 1, named: 2, exact: 3 }

/** What policies of one kind say together: one Deny that applies outweighs every Allow. */
export function evaluate(policies: readonly CompiledPolicy[], request: PolicyRequest): Verdict {
  let closeness: Closeness | undefined
  for (const policy of policies)
    for (const statement of policy.statements) {
      const applies = apply(statement, request)
      if (applies === undefined) continue
      if (statement.effect === 'Deny') return deny
      if (closeness === undefined || rank[applies] > rank[closeness]) closeness = applies
    }
  return closeness === undefined ? silent : { kind: 'allow', closeness }
}

function apply(statement: CompiledStatement, request: PolicyRequest): Closeness | undefined {
  if (!listed(statement.actions, request.action, request.context)) return undefined
  if (statement.resources && !listed(statement.resources, request.resource, request.context)) return undefined
  const closeness = statement.principal ? named(statement.principal, request.subject) : 'exact'
  if (closeness === undefined) return undefined
  return statement.conditions.every((condition) => condition(request.context)) ? closeness : undefined
}

const listed = ({ not, patterns }: PatternList, text: string, context: ContextLookup): boolean =>
  patterns.some((pattern) => pattern.matches(text, context)) !== not

function named({ not, match }: NonNullable<CompiledStatement['principal']>, subject: PolicySubject) {
  const found = match(subject)
  if (!not) return found
  return found === undefined ? 'named' : undefined
}
