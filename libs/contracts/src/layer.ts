import type { CodeLocation } from './function.ts'
import type { AccountId } from './ids.ts'

/** A published version of a layer, as stored. Only its permissions ever change. */
export interface LayerVersion {
  readonly accountId: AccountId
  readonly layerName: string
  /** From 1; a number is never given twice. */
  readonly version: number
  readonly description: string
  readonly licenseInfo?: string
  /** Told to whoever asks; functions of other runtimes may use the layer all the same, as on AWS. */
  readonly compatibleRuntimes: readonly string[]
  readonly compatibleArchitectures: readonly string[]
  readonly code: CodeLocation
  readonly unzippedBytes: number
  readonly createdAtMs: number
  /** Who else may use it. Absent: nobody but its account. */
  readonly policy?: LayerPolicy
}

export interface LayerPolicy {
  /** Statements of an IAM policy document, in the order of their making; never empty. */
  readonly statements: readonly LayerStatement[]
  /** New at every change; what RevisionId compares. */
  readonly revisionId: string
}

export interface LayerStatement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Principal: '*' | { readonly AWS: string }
  readonly Action: 'lambda:GetLayerVersion'
  readonly Resource: string
}

/** What outlives the versions of a layer, so that no number is ever given twice. */
export interface LayerNumbering {
  readonly lastVersion: number
}

/** What the bucket of layers holds. */
export type LayerEntry = LayerVersion | LayerNumbering

const layerNamePattern = /^[a-zA-Z0-9-_]{1,140}$/
export const isLayerName = (s: string): boolean => layerNamePattern.test(s)

/** Keys of the bucket of layers; a layer's name is safe as a token. */
export const layerKeys = {
  /** `<account>.<layer>.<number>` → LayerVersion. */
  version: (account: AccountId, layer: string, version: number): string =>
    `${account}.${checkedName(layer)}.${version}`,
  /** `<account>.<layer>.numbering` → LayerNumbering. */
  numbering: (account: AccountId, layer: string): string => `${account}.${checkedName(layer)}.numbering`,
} as const

function checkedName(layer: string): string {
  if (!isLayerName(layer)) throw new TypeError(`not a layer name: ${JSON.stringify(layer)}`)
  return layer
}

/** `arn:aws:lambda:REGION:ACCOUNT:layer:NAME[:NUMBER]`. */
export const layerArn = (region: string, account: AccountId, layer: string, version?: number): string =>
  `arn:aws:lambda:${region}:${account}:layer:${layer}${version === undefined ? '' : `:${version}`}`
