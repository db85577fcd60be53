import type { AccountId } from '@weft/contracts'
import { accessOf, parseIdentityArn, trustOf } from '../identity/access.ts'
import type { Identities } from '../identity/directory.ts'
import { arnOfIdentity } from '../identity/records.ts'
import { decide } from '../language/decide.ts'
import { evaluate } from '../language/evaluate.ts'

/** A service that calls with the rights of a role which the user has given it. */
export interface RoleCall {
  readonly accountId: AccountId
  readonly roleArn: string
  /** `scheduler.amazonaws.com`. */
  readonly service: string
  /** ARN of what the service acts for. */
  readonly sourceArn: string
  readonly action: string
  readonly resource: string
}

/** Whether a service may take on a role, and the role may do what it wants to do; the error says which is missing. */
export function roleProblem(identities: Identities, call: RoleCall): string | undefined {
  const { accountId, roleArn, service, sourceArn, action, resource } = call
  const named = parseIdentityArn(roleArn)
  const role =
    named?.kind === 'role' && named.accountId === accountId ? identities.role(accountId, named.name) : undefined
  if (!role || arnOfIdentity(role) !== roleArn) return `the role ${roleArn} does not exist`
  const values: Readonly<Record<string, string>> = { 'aws:sourcearn': sourceArn, 'aws:sourceaccount': accountId }
  const context = (key: string): string | undefined => (Object.hasOwn(values, key) ? values[key] : undefined)
  const trusted = evaluate([trustOf(role)], {
    ...{ subject: { service }, action: 'sts:AssumeRole', resource: roleArn, context },
  })
  if (trusted.kind !== 'allow') return `${service} may not assume the role ${roleArn}`
  const { identity, boundary } = accessOf(identities, role)
  const decision = decide({
    ...{
      subject: { accountId, arn: roleArn, roleArn },
      action,
      resource,
      resourceAccount: accountId,
      context,
      identity,
    },
    ...(boundary && { boundary }),
  })
  return decision.allowed ? undefined : `the role ${roleArn} may not ${action} on ${resource}`
}
