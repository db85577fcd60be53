import { err, ok, type Result } from '@weft/contracts'
import type { Members } from './json.ts'
import { stringsOf } from './json.ts'

/** Who asks, as a policy can name it. */
export interface PolicySubject {
  /** Absent: a service or nobody known. */
  readonly accountId?: string
  /** What it is itself: a user, a session, the root of an account. */
  readonly arn?: string
  /** The role that a session was made from. */
  readonly roleArn?: string
  /** `events.amazonaws.com`. */
  readonly service?: string
}

/**
 * How closely a principal names the one who asks. `account`: by the account, which leaves it to the account's own policies who
 * of it may; `named`: by its role or with everybody; `exact`: itself.
 */
export type Closeness = 'account' | 'named' | 'exact'

export type PrincipalMatch = (subject: PolicySubject) => Closeness | undefined

const kinds: ReadonlySet<string> = new Set(['AWS', 'Service', 'Federated', 'CanonicalUser'])
const servicePattern = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws|amazon)\.com$/
const principalArn = /^arn:aws[a-z-]*:(iam|sts)::(\d{12}):(root|(user|role|assumed-role|federated-user)\/[^\s*]+)$/

/** Compiles `Principal`; the error is the text of AWS's refusal. */
export function compilePrincipal(element: unknown): Result<PrincipalMatch, string> {
  if (element === '*') return ok(() => 'named')
  if (typeof element !== 'object' || element === null || Array.isArray(element))
    return err('Invalid principal in policy.')
  const matches: PrincipalMatch[] = []
  for (const [kind, value] of Object.entries(element as Members)) {
    const names = stringsOf(value)
    if (!kinds.has(kind) || !names || names.length === 0)
      return err(`Invalid principal in policy: ${shown(kind, value)}`)
    for (const name of names) {
      const match = compileName(kind, name)
      if (!match) return err(`Invalid principal in policy: ${shown(kind, name)}`)
      matches.push(match)
    }
  }
  if (matches.length === 0) return err('Missing required field Principal cannot be empty!')
  return ok((subject) => closest(matches, subject))
}

const shown = (kind: string, value: unknown): string => `"${kind}":${JSON.stringify(value)}`.slice(0, 256)

function closest(matches: readonly PrincipalMatch[], subject: PolicySubject): Closeness | undefined {
  let best: Closeness | undefined
  for (const match of matches) {
    const found = match(subject)
    if (found === 'exact') return found
    if (found === 'named' || best === undefined) best = found ?? best
  }
  return best
}

function compileName(kind: string, name: string): PrincipalMatch | undefined {
  switch (kind) {
    case 'AWS': {
      if (name === '*') return () => 'named'
      const account = /^\d{12}$/.test(name) ? name : /^arn:aws[a-z-]*:iam::(\d{12}):root$/.exec(name)?.[1]
      if (account !== undefined)
        return (subject) =>
          subject.accountId !== account ? undefined : subject.arn?.endsWith(':root') ? 'exact' : 'account'
      if (!principalArn.test(name)) return undefined
      return (subject) => (subject.arn === name ? 'exact' : subject.roleArn === name ? 'named' : undefined)
    }
    case 'Service':
      if (name === '*') return (subject) => (subject.service === undefined ? undefined : 'named')
      return servicePattern.test(name) ? (subject) => (subject.service === name ? 'exact' : undefined) : undefined
    default:
      // Nobody can prove to be one of these here.
      return () => undefined
  }
}
