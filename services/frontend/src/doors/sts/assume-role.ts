import { mintSession, type SessionCredentials } from '@weft/aws'
import { type AccountId, err, ok } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import {
  arnOfIdentity,
  type IdentityDirectory,
  iamQuotas,
  identityKey,
  parseIdentityArn,
  parsePolicy,
  type Role,
  trustOf,
} from '@weft/policy'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { Principal } from '../door.ts'
import type { Params } from '../query/params.ts'
import type { QueryCall, QueryError, QueryResult } from '../query/query-door.ts'
import type { XmlMembers } from '../s3/xml.ts'

export interface AssumeRoleDeps {
  readonly identities: IdentityDirectory
  readonly authorizer: Authorizer
  readonly clusterSecret: string
  readonly clock: Pick<Clock, 'now'>
}

/** STS API reference of AssumeRole. */
const duration = { min: 900, max: 43_200, default: 3_600 }
/** A session that assumes another role has it for an hour at most. */
const chainedSeconds = 3_600
const mostSessionPolicies = 10

const refuse = (code: string, message: string, status = 400): { readonly ok: false; readonly error: QueryError } =>
  err({ code, message, status })

interface Asked {
  readonly roleArn: string
  readonly sessionName: string
  readonly seconds: number | undefined
  readonly policy: string | undefined
  readonly policyArns: readonly string[]
  readonly externalId: string | undefined
}

const read = (params: Params): Asked => ({
  roleArn: params.required('RoleArn', { min: 20, max: 2_048 }),
  sessionName: params.required('RoleSessionName', { min: 2, max: 64, pattern: /^[\w+=,.@-]*$/ }),
  seconds: params.integer('DurationSeconds', duration),
  policy: params.optional('Policy', { min: 1, max: iamQuotas.sessionPolicyCharacters }),
  policyArns: params.list('PolicyArns', { min: 20, max: 2_048 }, 'arn'),
  externalId: params.optional('ExternalId', { min: 2, max: 1_224, pattern: /^[\w+=,.@:/-]*$/ }),
})

/** Parameters that would narrow or mark a session in ways that nothing here looks at: better refused than forgotten. */
const unserved = ['SerialNumber', 'TokenCode', 'SourceIdentity', 'Tags', 'TransitiveTagKeys', 'ProvidedContexts']

/** Session credentials of a role whose trust policy lets the caller in. */
export const assumeRole =
  (deps: AssumeRoleDeps) =>
  async ({ params, request: { principal, sourceIp } }: QueryCall): Promise<QueryResult> => {
    const asked = read(params)
    const strange = unserved.find((name) => params.has(name))
    if (params.problem !== undefined) return refuse('ValidationError', params.problem)
    if (strange !== undefined) return refuse('ValidationError', `${strange} is not served by this fabric.`)
    if (asked.policyArns.length > mostSessionPolicies)
      return refuse('ValidationError', `At most ${mostSessionPolicies} managed policies can be given for a session.`)
    const policy = asked.policy === undefined ? undefined : parsePolicy(asked.policy, 'identity')
    if (policy && !policy.ok) return refuse('MalformedPolicyDocument', policy.error)
    const role = await mayAssume(deps, principal, asked, sourceIp)
    if (!role)
      return refuse(
        'AccessDenied',
        `User: ${principal.arn} is not authorized to perform: sts:AssumeRole on resource: ${asked.roleArn}`,
        403,
      )
    const seconds = asked.seconds ?? duration.default
    if (seconds > role.maxSessionSeconds)
      return refuse(
        'ValidationError',
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      )
    if (principal.session && seconds > chainedSeconds)
      return refuse(
        'ValidationError',
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
      )
    return ok(issue(deps, role, asked, seconds))
  }

/** Temporary credentials as STS shows them. */
export const credentialMembers = (session: SessionCredentials, expiresAtMs: number): XmlMembers => ({
  AccessKeyId: session.accessKeyId,
  SecretAccessKey: session.secretAccessKey,
  SessionToken: session.sessionToken,
  Expiration: new Date(expiresAtMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
})

function issue({ clusterSecret, clock }: AssumeRoleDeps, role: Role, asked: Asked, seconds: number) {
  const { sessionName, policy, policyArns } = asked
  const expiresAtMs = clock.now() + seconds * 1_000
  const session = mintSession(clusterSecret, {
    accountId: role.accountId,
    roleArn: asked.roleArn,
    roleId: role.id,
    sessionName,
    expiresAtMs,
    ...(policy !== undefined && { policy }),
    ...(policyArns.length > 0 && { policyArns }),
  })
  return {
    AssumedRoleUser: {
      AssumedRoleId: `${role.id}:${sessionName}`,
      Arn: `arn:aws:sts::${role.accountId}:assumed-role/${role.name}/${sessionName}`,
    },
    Credentials: credentialMembers(session, expiresAtMs),
    ...(policy !== undefined && {
      PackedPolicySize: Math.ceil((100 * policy.length) / iamQuotas.sessionPolicyCharacters),
    }),
  }
}

/**
 * The role, if its trust policy lets the caller in and, unless that names the caller itself, the caller's own policies do.
 * Why not is not told: a stranger learns nothing of which roles there are.
 */
async function mayAssume(
  { identities, authorizer }: AssumeRoleDeps,
  principal: Principal,
  { roleArn, externalId, sessionName }: Asked,
  sourceIp: string | undefined,
): Promise<Role | undefined> {
  const named = parseIdentityArn(roleArn)
  const role = named?.kind === 'role' ? await findRole(identities, named.accountId, named.name) : undefined
  if (!role || arnOfIdentity(role) !== roleArn) return undefined
  const ask = {
    action: 'sts:AssumeRole',
    resource: roleArn,
    resourceAccount: role.accountId,
    resourcePolicy: trustOf(role),
    context: { 'sts:externalid': externalId, 'sts:rolesessionname': sessionName, 'aws:sourceip': sourceIp },
  }
  // Elsewhere either side may allow; nobody assumes a role that does not trust him.
  return authorizer.namedBy(principal, ask) && authorizer.decide(principal, ask).allowed ? role : undefined
}

/** A role that was made a moment ago through another frontend is found in the store. */
async function findRole(identities: IdentityDirectory, account: AccountId, name: string): Promise<Role | undefined> {
  const known = identities.role(account, name)
  if (known) return known
  const stored = (await identities.store.read(identityKey(account, 'role', name)))?.value
  return stored?.kind === 'role' ? stored : undefined
}
