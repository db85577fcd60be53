import type { AccountId } from './ids.ts'

/** Who must have signed what a function is made of, as stored. */
export interface CodeSigningConfig {
  readonly accountId: AccountId
  /** `csc-` and 17 of `a-f0-9`. */
  readonly id: string
  readonly description: string
  /** Versions of signing profiles: `arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/THUMBPRINT`. */
  readonly publishers: readonly string[]
  /** What becomes of code that none of them signed, or whose signature has expired. */
  readonly untrusted: 'Warn' | 'Enforce'
  readonly tags: Readonly<Record<string, string>>
  readonly lastModifiedMs: number
}

/** The verified signature of a package. */
export interface CodeSignature {
  /** RFC 7638 thumbprint of the key. */
  readonly thumbprint: string
  readonly jobId: string
  /** Absent: good for ever. */
  readonly expiresAtMs?: number
  /** The profile version as which the key was trusted; absent where nobody asked, or nobody trusts it. */
  readonly publisher?: string
}

const idPattern = /^csc-[a-z0-9]{17}$/

/** Keys of the bucket of code signing configs: `<account>.<id>`. */
export function codeSigningKey(account: AccountId, id: string): string {
  if (!idPattern.test(id)) throw new TypeError(`not a code signing config: ${JSON.stringify(id)}`)
  return `${account}.${id}`
}

/** `arn:aws:lambda:REGION:ACCOUNT:code-signing-config:ID`. */
export const codeSigningArn = (region: string, account: AccountId, id: string): string =>
  `arn:aws:lambda:${region}:${account}:code-signing-config:${id}`
