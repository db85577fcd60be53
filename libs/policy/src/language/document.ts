import { err, ok, type Result } from '@weft/contracts'
import { type Condition, compileCondition } from './conditions.ts'
import { isMembers, type Members, scalarsOf, stringsOf } from './json.ts'
import { compileArnPattern, compilePattern, type Pattern } from './pattern.ts'
import { compilePrincipal, type PrincipalMatch } from './principals.ts'

/** What a document is attached to decides which elements it must and must not have. */
export type PolicyKind = 'identity' | 'resource' | 'trust'

export interface PatternList {
  /** NotAction, NotResource. */
  readonly not: boolean
  readonly patterns: readonly Pattern[]
}

export interface CompiledStatement {
  readonly effect: 'Allow' | 'Deny'
  readonly actions: PatternList
  /** Absent in trust policies, which are about the role they belong to. */
  readonly resources?: PatternList
  readonly principal?: { readonly not: boolean; readonly match: PrincipalMatch }
  readonly conditions: readonly Condition[]
}

export interface CompiledPolicy {
  readonly statements: readonly CompiledStatement[]
}

/** Elements of a statement. IAM user guide, "IAM JSON policy elements reference". */
const statementElements: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
])
const documentElements: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement'])

/** Deeper than any policy; keeps a bomb of brackets from the parser. */
const longestDocument = 131_072

const syntax = 'Syntax errors in policy.'

/**
 * Reads and compiles a policy document. The error is the message of IAM's MalformedPolicyDocument. A document is compiled
 * once; evaluating it costs microseconds.
 */
export function parsePolicy(document: string, kind: PolicyKind): Result<CompiledPolicy, string> {
  if (document.length > longestDocument) return err(syntax)
  let value: unknown
  try {
    value = JSON.parse(document)
  } catch {
    return err('This policy contains invalid Json')
  }
  return compilePolicy(value, kind)
}

/** The same for a document that has been read as JSON. */
export function compilePolicy(value: unknown, kind: PolicyKind): Result<CompiledPolicy, string> {
  if (!isMembers(value) || Object.keys(value).some((name) => !documentElements.has(name))) return err(syntax)
  const { Version: version, Statement: statement } = value
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') return err(syntax)
  if (version !== '2012-10-17' && kind === 'identity')
    return err('Policy document must be version 2012-10-17 or greater.')
  const list = Array.isArray(statement) ? statement : [statement]
  if (statement === undefined || list.length === 0) return err(syntax)
  const sids = new Set<string>()
  const statements: CompiledStatement[] = []
  for (const one of list) {
    if (!isMembers(one)) return err(syntax)
    if (one.Sid !== undefined) {
      if (typeof one.Sid !== 'string') return err(syntax)
      if (kind === 'identity' && !/^[A-Za-z0-9]*$/.test(one.Sid))
        return err(
          'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [A-Za-z0-9]*',
        )
      if (one.Sid !== '' && sids.has(one.Sid)) return err('Statement IDs (SID) in a single policy must be unique.')
      sids.add(one.Sid)
    }
    const compiled = compileStatement(one, kind, version === '2012-10-17')
    if (!compiled.ok) return compiled
    statements.push(compiled.value)
  }
  return ok({ statements })
}

function compileStatement(one: Members, kind: PolicyKind, variables: boolean): Result<CompiledStatement, string> {
  if (Object.keys(one).some((name) => !statementElements.has(name))) return err(syntax)
  const { Effect: effect } = one
  if (effect !== 'Allow' && effect !== 'Deny') return err(syntax)
  const principal = principalOf(one, kind)
  if (!principal.ok) return principal
  const actions = actionsOf(one, kind)
  if (!actions.ok) return actions
  const resources = resourcesOf(one, kind, variables)
  if (!resources.ok) return resources
  const conditions = conditionsOf(one.Condition, variables)
  if (!conditions.ok) return conditions
  return ok({
    effect,
    actions: actions.value,
    ...(resources.value && { resources: resources.value }),
    ...(principal.value && { principal: principal.value }),
    conditions: conditions.value,
  })
}

function principalOf(one: Members, kind: PolicyKind): Result<CompiledStatement['principal'], string> {
  const given = one.Principal ?? one.NotPrincipal
  if (kind === 'identity')
    return given === undefined ? ok(undefined) : err('Policy document should not specify a principal.')
  if (given === undefined) return err('Missing required field Principal')
  if (one.Principal !== undefined && one.NotPrincipal !== undefined) return err(syntax)
  if (kind === 'trust' && one.NotPrincipal !== undefined) return err('Has prohibited field NotPrincipal')
  const match = compilePrincipal(given)
  return match.ok ? ok({ not: one.NotPrincipal !== undefined, match: match.value }) : match
}

/** `*`, or `service:action` with wildcards. */
const actionPattern = /^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/

function actionsOf(one: Members, kind: PolicyKind): Result<PatternList, string> {
  if (one.Action !== undefined && one.NotAction !== undefined) return err(syntax)
  const actions = stringsOf(one.Action ?? one.NotAction)
  if (!actions || actions.length === 0) return err('Policy statement must contain actions.')
  for (const action of actions)
    if (!actionPattern.test(action))
      return err(
        action.includes(':')
          ? 'The policy failed legacy parsing'
          : 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
      )
  if (kind === 'trust' && actions.some((action) => !action.startsWith('sts:')))
    return err('AssumeRole policy may only specify STS AssumeRole actions.')
  const options = { variables: false, wildcards: true, ignoreCase: true }
  return ok({ not: one.NotAction !== undefined, patterns: actions.map((action) => compilePattern(action, options)) })
}

function resourcesOf(one: Members, kind: PolicyKind, variables: boolean): Result<PatternList | undefined, string> {
  const given = one.Resource ?? one.NotResource
  if (kind === 'trust') return given === undefined ? ok(undefined) : err('Has prohibited field Resource')
  if (one.Resource !== undefined && one.NotResource !== undefined) return err(syntax)
  const resources = stringsOf(given)
  if (!resources || resources.length === 0) return err('Policy statement must contain resources.')
  for (const resource of resources) {
    if (resource === '*') continue
    if (!resource.startsWith('arn:')) return err(`Resource ${resource.slice(0, 256)} must be in ARN format or "*".`)
    if (resource.replaceAll(/\$\{[^}]*\}/g, '').split(':').length < 6) return err('The policy failed legacy parsing')
  }
  const options = { variables, wildcards: true }
  return ok({
    not: one.NotResource !== undefined,
    patterns: resources.map((resource) => compileArnPattern(resource, options)),
  })
}

function conditionsOf(element: unknown, variables: boolean): Result<readonly Condition[], string> {
  if (element === undefined) return ok([])
  if (!isMembers(element)) return err(syntax)
  const conditions: Condition[] = []
  for (const [operator, keys] of Object.entries(element)) {
    if (!isMembers(keys)) return err(syntax)
    for (const [key, value] of Object.entries(keys)) {
      const values = scalarsOf(value)
      if (!values) return err(syntax)
      const compiled = compileCondition(operator, key, values, variables)
      if (!compiled.ok) return compiled
      conditions.push(compiled.value)
    }
  }
  return ok(conditions)
}
