import { createHash, randomUUID } from 'node:crypto'
import { err, ok, type Result } from './result.ts'

/** Twelve digits. */
export type AccountId = string & { readonly __brand: 'AccountId' }
/** A plain function name: 1 to 64 of letters, digits, `-` and `_`; safe as a NATS token and a KV key token. */
export type FunctionName = string & { readonly __brand: 'FunctionName' }

export const LATEST = '$LATEST'

const accountPattern = /^\d{12}$/
const functionNamePattern = /^[a-zA-Z0-9-_]{1,64}$/
const versionPattern = /^(\$LATEST|[0-9]{1,19})$/
const aliasPattern = /^(?!\d+$)[a-zA-Z0-9-_]{1,128}$/
const regionPattern = /^[a-z]{2}(-gov)?(-iso[a-z]?)?-[a-z]+-\d$/

export const isAccountId = (s: string): s is AccountId => accountPattern.test(s)
export const isFunctionName = (s: string): s is FunctionName => functionNamePattern.test(s)
export const isVersion = (s: string): boolean => versionPattern.test(s)
export const isQualifier = (s: string): boolean => isVersion(s) || aliasPattern.test(s)
export const isRegion = (s: string): boolean => regionPattern.test(s)

export function accountId(s: string): AccountId {
  if (!isAccountId(s)) throw new TypeError(`not an account id: ${JSON.stringify(s)}`)
  return s
}

export function functionName(s: string): FunctionName {
  if (!isFunctionName(s)) throw new TypeError(`not a function name: ${JSON.stringify(s)}`)
  return s
}

export interface FunctionRef {
  readonly accountId?: AccountId
  readonly region?: string
  readonly functionName: FunctionName
  /** As written in the reference; absent when the reference has none. */
  readonly qualifier?: string
}

/**
 * Reads a function reference in any form AWS takes: `name`, `name:qualifier`, `account:function:name[:qualifier]`
 * (partial ARN) and `arn:aws:lambda:region:account:function:name[:qualifier]`.
 */
export function parseFunctionRef(text: string): Result<FunctionRef, 'malformed'> {
  const parts = text.split(':')
  const build = (name: string | undefined, qualifier: string | undefined, account?: string, region?: string) => {
    if (name === undefined || !isFunctionName(name)) return err('malformed' as const)
    if (qualifier !== undefined && !isQualifier(qualifier)) return err('malformed' as const)
    if (account !== undefined && !isAccountId(account)) return err('malformed' as const)
    if (region !== undefined && !isRegion(region)) return err('malformed' as const)
    return ok({
      functionName: name,
      ...(qualifier !== undefined && { qualifier }),
      ...(account !== undefined && { accountId: account as AccountId }),
      ...(region !== undefined && { region }),
    })
  }
  if (parts[0] === 'arn') {
    const [, partition, service, region, account, kind, name, qualifier, ...rest] = parts
    if (!partition?.startsWith('aws') || service !== 'lambda' || kind !== 'function' || rest.length > 0)
      return err('malformed')
    return build(name, qualifier, account ?? '', region ?? '')
  }
  if (parts[1] === 'function') {
    const [account, , name, qualifier, ...rest] = parts
    return rest.length > 0 ? err('malformed') : build(name, qualifier, account)
  }
  const [name, qualifier, ...rest] = parts
  return rest.length > 0 ? err('malformed') : build(name, qualifier)
}

/** `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`. */
export const functionArn = (region: string, account: AccountId, name: FunctionName, qualifier?: string): string =>
  `arn:aws:lambda:${region}:${account}:function:${name}${qualifier === undefined ? '' : `:${qualifier}`}`

/** ARN of a JetStream stream of an account, the `EventSourceArn` of a mapping: `arn:aws:jetstream:REGION:ACCOUNT:stream/NAME`. */
export const streamArn = (region: string, account: AccountId, stream: string): string =>
  `arn:aws:jetstream:${region}:${account}:stream/${stream}`

/** ARN of a NATS subject of an account, a dead-letter target: `arn:aws:jetstream:REGION:ACCOUNT:subject/SUBJECT`. */
export const subjectArn = (region: string, account: AccountId, subject: string): string =>
  `arn:aws:jetstream:${region}:${account}:subject/${subject}`

/**
 * What an ARN of an account's JetStream can name: a stream, a subject, a stream that is worked off as a queue, or a
 * key-value bucket.
 */
export type JetStreamKind = 'stream' | 'subject' | 'queue' | 'bucket'

export interface JetStreamArn {
  readonly region: string
  readonly accountId: AccountId
  readonly kind: JetStreamKind
  readonly name: string
}

export function parseJetStreamArn(arn: string): Result<JetStreamArn, 'malformed'> {
  const m = /^arn:aws:jetstream:([a-z0-9-]+):(\d{12}):(stream|subject|queue|bucket)\/([A-Za-z0-9_.$-]{1,255})$/.exec(
    arn,
  )
  if (!m) return err('malformed')
  const [, region, account, kind, name] = m as unknown as [string, string, AccountId, JetStreamKind, string]
  const wellFormed =
    kind === 'subject' ? !name.startsWith('$') && name.split('.').every((t) => t !== '') : !/[.$]/.test(name)
  if (!isRegion(region) || !wellFormed) return err('malformed')
  return ok({ region, accountId: account, kind, name })
}

/** Request ids are random (version 4) UUIDs, as AWS shows them. */
export const newRequestId = (): string => randomUUID()

/**
 * Request id of an event that a NATS client published, stable over redeliveries and restarts: derived from the place
 * of the message in its stream.
 */
export function requestIdOfMessage(stream: string, streamCreatedAt: string, sequence: number): string {
  const h = createHash('sha256').update(`${stream}\n${streamCreatedAt}\n${sequence}`).digest()
  h[6] = ((h[6] as number) & 0x0f) | 0x80
  h[8] = ((h[8] as number) & 0x3f) | 0x80
  const hex = h.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

/**
 * Key of reuse of a sandbox: equal for calls that may share one, different for everything else. The revision makes a
 * changed `$LATEST` a different sandbox.
 */
export const sandboxKey = (account: AccountId, name: FunctionName, version: string, revisionId: string): string =>
  `${account}/${name}/${version}/${revisionId}`

/** The same of environments that a version has several kinds of: on one version of its runtime, or for one tenant. */
export const variantKey = (key: string, variant: string): string => `${key}/${variant}`

/** The version that a key is of, whatever its variant; ends no key that is another version's. */
export const versionKeyOf = (key: string): string => key.split('/', 4).join('/')
