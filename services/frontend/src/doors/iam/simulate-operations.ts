import { type AccountId, ok, type Result } from '@weft/contracts'
import {
  type Access,
  accessOf,
  type CompiledPolicy,
  type ContextLookup,
  type Decision,
  decide,
  type IamError,
  malformed,
  type PolicySubject,
  parseIdentityArn,
  parsePolicy,
} from '@weft/policy'
import type { XmlMembers } from '../s3/xml.ts'
import {
  arnRule,
  checked,
  documentRule,
  type IamCall,
  type IamOperation,
  type IamOperations,
  noHolder,
} from './call.ts'

const actionRule = { min: 3, max: 128, pattern: /^[\w-]+:[\w*?]+$/ }
const resourceRule = { min: 1, max: 2_048 }

/** What a simulation is asked: each action on each resource, with these values of condition keys. */
interface Simulation {
  readonly subject: PolicySubject
  readonly access: Access
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly context: ContextLookup
}

/** Documents that are given with the request. Errors: MalformedPolicyDocument. */
function documents({ params }: IamCall, name: string): Result<readonly CompiledPolicy[], IamError> {
  const compiled: CompiledPolicy[] = []
  for (const document of params.list(name, documentRule)) {
    const parsed = parsePolicy(document, 'identity')
    if (!parsed.ok) return malformed(parsed.error)
    compiled.push(parsed.value)
  }
  return ok(compiled)
}

/** `ContextEntries.member.N.ContextKeyName` and `.ContextKeyValues.member.M`. */
function contextOf({ params }: IamCall): ContextLookup {
  const names = params.list('ContextEntries', { min: 5, max: 256 }, 'ContextKeyName')
  const values = new Map(
    names.map((name, at) => [
      name.toLowerCase(),
      params.list(`ContextEntries.member.${at + 1}.ContextKeyValues`, { max: 2_048 }),
    ]),
  )
  return (key) => values.get(key)
}

function run(call: IamCall, account: AccountId, base: Access, subject: PolicySubject) {
  const actions = call.params.list('ActionNames', actionRule)
  const given = call.params.list('ResourceArns', resourceRule)
  const context = contextOf(call)
  const sound = checked(call.params)
  if (!sound.ok) return sound
  const more = documents(call, 'PolicyInputList')
  if (!more.ok) return more
  const boundary = documents(call, 'PermissionsBoundaryPolicyInputList')
  if (!boundary.ok) return boundary
  const access = {
    identity: [...base.identity, ...more.value],
    ...(boundary.value.length > 0 ? { boundary: boundary.value } : base.boundary && { boundary: base.boundary }),
  }
  const resources = given.length > 0 ? given : ['*']
  return ok(results(account, { subject, access, actions, resources, context }))
}

const results = (account: AccountId, { subject, access, actions, resources, context }: Simulation): XmlMembers => ({
  EvaluationResults: {
    member: actions.flatMap((action) =>
      resources.map((resource) => {
        const asked = { subject, action, resource, resourceAccount: account, context }
        const decision = decide({ ...asked, ...access })
        return {
          EvalActionName: action,
          EvalResourceName: resource,
          EvalDecision: verdict(decision),
          MatchedStatements: {},
          MissingContextValues: {},
        }
      }),
    ),
  },
  IsTruncated: false,
})

const verdict = (decision: Decision): string =>
  decision.allowed ? 'allowed' : decision.explicit ? 'explicitDeny' : 'implicitDeny'

/** Tries policies out before somebody depends on them. IAM API reference. */
export const simulateOperations: IamOperations = {
  SimulatePrincipalPolicy: {
    resource: ({ params }) => params.required('PolicySourceArn', arnRule),
    run(call) {
      const arn = call.params.required('PolicySourceArn', arnRule)
      const named = parseIdentityArn(arn)
      const { account, identities } = call
      const kind = named?.kind === 'policy' ? undefined : named?.kind
      const holder = kind && named?.accountId === account ? identities[kind](account, named.name) : undefined
      if (!holder) return noHolder(arn)
      const subject = { accountId: account, arn, ...(kind === 'role' && { roleArn: arn }) }
      return run(call, account, accessOf(identities, holder), subject)
    },
  } satisfies IamOperation,
  SimulateCustomPolicy: {
    resource: () => '*',
    run: (call) => run(call, call.account, { identity: [] }, { accountId: call.account }),
  } satisfies IamOperation,
}
