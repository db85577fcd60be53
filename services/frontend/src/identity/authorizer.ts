import { type AccountId, type AwsError, awsError } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import {
  type Access,
  accessOf,
  arnOfIdentity,
  type CompiledPolicy,
  type Decision,
  decide,
  denialText,
  evaluate,
  type Identities,
  managedPolicy,
  type PolicyHolder,
  type PolicySubject,
  parseIdentityArn,
  sessionPolicy,
} from '@weft/policy'
import type { Principal } from '../doors/door.ts'

/** What somebody wants to do. */
export interface Ask {
  /** `lambda:InvokeFunction`. */
  readonly action: string
  /** ARN, or `*` for what is about no single resource. */
  readonly resource: string
  /** Account that owns the resource; absent: the caller's. */
  readonly resourceAccount?: AccountId
  /** The policy attached to the resource, if it can have one. */
  readonly resourcePolicy?: CompiledPolicy | undefined
  /** Condition keys of the request, in lower case; those of the caller and of time are known here. */
  readonly context?: RequestContext
}

export type RequestContext = Readonly<Record<string, string | readonly string[] | undefined>>

export interface AuthorizerDeps {
  readonly identities: Identities
  readonly clock: Pick<Clock, 'now'>
  readonly region: string
  /** Clients reach the doors through TLS, which somebody before them ends. */
  readonly secureTransport?: boolean
}

/**
 * Answers for every door whether a caller may do something: by the policies of the user or role it is, those of the session it
 * came by, and that of the resource. The root of an account may do everything in it. Looks in memory only.
 */
export class Authorizer {
  readonly #deps: AuthorizerDeps

  constructor(deps: AuthorizerDeps) {
    this.#deps = deps
  }

  /** Whether the policy of the resource itself allows it, be it by naming no more than the caller's account. */
  namedBy(principal: Principal, ask: Ask): boolean {
    if (!ask.resourcePolicy) return false
    const context = this.#context(principal, holderOf(this.#deps.identities, principal), ask)
    const { action, resource } = ask
    return evaluate([ask.resourcePolicy], { subject: subjectOf(principal), action, resource, context }).kind === 'allow'
  }

  decide(principal: Principal, ask: Ask): Decision {
    const holder = holderOf(this.#deps.identities, principal)
    const access = holder === undefined || holder === 'root' ? undefined : accessOf(this.#deps.identities, holder)
    const session = this.#sessionPolicies(principal)
    return decide({
      subject: subjectOf(principal),
      action: ask.action,
      resource: ask.resource,
      resourceAccount: ask.resourceAccount ?? principal.accountId,
      resourcePolicy: ask.resourcePolicy,
      context: this.#context(principal, holder, ask),
      // The session of a role that was never made, or is no more, has nothing of its own to go by.
      identity: holder === 'root' ? 'everything' : (access?.identity ?? []),
      ...boundaryOf(access),
      ...(session && { session }),
    })
  }

  /** The refusal in AWS's words; undefined when it is allowed. */
  authorize(principal: Principal, ask: Ask): AwsError | undefined {
    const decision = this.decide(principal, ask)
    if (decision.allowed) return undefined
    return awsError('AccessDeniedException', denialText(principal.arn, ask.action, ask.resource, decision))
  }

  #sessionPolicies(principal: Principal): readonly CompiledPolicy[] | undefined {
    const { session } = principal
    if (!session?.policy && !session?.policyArns) return undefined
    return [
      ...(session.policy === undefined ? [] : [sessionPolicy(session.policy)]),
      ...(session.policyArns ?? []).map((arn) => managedPolicy(this.#deps.identities, homeOf(principal), arn)),
    ]
  }

  /** IAM user guide, "AWS global condition context keys". Made only for keys that a policy asks for. */
  #context(principal: Principal, holder: PolicyHolder | 'root' | undefined, ask: Ask) {
    const { clock, region } = this.#deps
    const given = ask.context ?? {}
    return (key: string): string | readonly string[] | undefined => {
      if (Object.hasOwn(given, key)) return given[key]
      switch (key) {
        case 'aws:principalarn':
          return principal.session?.roleArn ?? principal.arn
        case 'aws:principalaccount':
          return homeOf(principal)
        case 'aws:principaltype':
          return principal.session ? 'AssumedRole' : principal.user ? 'User' : 'Account'
        case 'aws:username':
          return principal.user?.name
        case 'aws:userid':
          return userIdOf(this.#deps.identities, principal)
        case 'aws:currenttime':
          return new Date(clock.now()).toISOString()
        case 'aws:epochtime':
          return String(Math.floor(clock.now() / 1_000))
        case 'aws:securetransport':
          return String(this.#deps.secureTransport ?? false)
        case 'aws:principalisawsservice':
          return 'false'
        case 'aws:requestedregion':
          return region
        case 'aws:resourceaccount':
          return ask.resourceAccount ?? principal.accountId
        default:
          return holder && holder !== 'root' && key.startsWith('aws:principaltag/')
            ? tagOf(holder.tags, key.slice('aws:principaltag/'.length))
            : undefined
      }
    }
  }
}

/** Keys of tags are looked up whatever their case, as condition keys are. */
const tagOf = (tags: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.entries(tags).find(([name]) => name.toLowerCase() === key)?.[1]

const boundaryOf = (access: Access | undefined) => (access?.boundary ? { boundary: access.boundary } : {})

/** Whose policies speak for the caller, wherever it acts. */
const homeOf = ({ homeAccountId, accountId }: Principal): AccountId => homeAccountId ?? accountId

function subjectOf(principal: Principal): PolicySubject {
  const { arn, session } = principal
  return { accountId: homeOf(principal), arn, ...(session && { roleArn: session.roleArn }) }
}

/** The user or role behind a caller, as it is now; undefined: it is no more, or never was. */
function holderOf(identities: Identities, principal: Principal): PolicyHolder | 'root' | undefined {
  const { user, session } = principal
  const accountId = homeOf(principal)
  if (user) return identities.user(accountId, user.name)
  if (!session) return 'root'
  const named = parseIdentityArn(session.roleArn)
  const role =
    named?.kind === 'role' && named.accountId === accountId ? identities.role(accountId, named.name) : undefined
  if (!role || arnOfIdentity(role) !== session.roleArn) return undefined
  // A session of a role that was deleted is none of its successor's.
  return session.roleId === undefined || session.roleId === role.id ? role : undefined
}

/** `AIDA…`, `AROA…:session`, or the account itself; a role that was never made shows by its ARN. */
export function userIdOf(identities: Identities, principal: Principal): string {
  const { session, user } = principal
  if (user) return user.id
  if (!session) return homeOf(principal)
  const role = holderOf(identities, principal)
  return `${role && role !== 'root' ? role.id : session.roleArn}:${session.sessionName}`
}
