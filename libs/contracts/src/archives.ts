import { type AccountId, accountId, isAccountId, isRegion } from './ids.ts'

/** Keeps the events of a bus, all or those that match a pattern, so that they can be replayed. */
export interface Archive {
  readonly kind: 'archive'
  readonly accountId: AccountId
  readonly name: string
  /** The bus whose events it keeps, and the only one to which they can be replayed. */
  readonly busName: string
  readonly description?: string
  /** JSON; absent: every event. */
  readonly eventPattern?: string
  /** 0: for ever. */
  readonly retentionDays: number
  readonly createdAtMs: number
}

/** As of EventBridge; the last three are final. */
export type ReplayState = 'STARTING' | 'RUNNING' | 'CANCELLING' | 'COMPLETED' | 'CANCELLED' | 'FAILED'

/** Puts the events of a span of time, from an archive, onto their bus once more. */
export interface Replay {
  readonly kind: 'replay'
  readonly accountId: AccountId
  readonly name: string
  readonly description?: string
  readonly archiveName: string
  readonly busName: string
  /** Rules that are followed for the replayed events; empty: all of the bus. */
  readonly ruleNames: readonly string[]
  /** By the events' arrival on the bus, epoch ms, both included. */
  readonly fromMs: number
  readonly toMs: number
  readonly state: ReplayState
  readonly stateReason?: string
  readonly startedAtMs: number
  readonly endedAtMs?: number
  /** Arrival of the last event that was put onto the bus. */
  readonly lastReplayedMs?: number
  /** Once it runs: the place in the archives up to which everything has been put, and the one where it ends. */
  readonly progress?: { readonly doneThrough: number; readonly endsAt: number }
}

export const isOpenReplay = ({ state }: Replay): boolean =>
  state === 'STARTING' || state === 'RUNNING' || state === 'CANCELLING'

type Kind = 'archive' | 'replay'

/** `arn:aws:events:REGION:ACCOUNT:archive/NAME`, `…:replay/NAME`. */
export const archiveArn = (region: string, account: AccountId, name: string): string =>
  `arn:aws:events:${region}:${account}:archive/${name}`
export const replayArn = (region: string, account: AccountId, name: string): string =>
  `arn:aws:events:${region}:${account}:replay/${name}`

/** An archive or a replay by its ARN; undefined for anything else. */
export function parseArchiveArn(
  arn: string,
): { readonly kind: Kind; readonly region: string; readonly accountId: AccountId; readonly name: string } | undefined {
  const [, region = '', account = '', kind, name] =
    /^arn:aws:events:([a-z0-9-]+):(\d{12}):(archive|replay)\/([\w.-]{1,64})$/.exec(arn) ?? []
  if (!name || !isRegion(region) || !isAccountId(account)) return undefined
  return { kind: kind as Kind, region, accountId: accountId(account), name }
}

/** Name of the archive in a subject of `subjects.archive`, and whose it is. */
export function parseArchiveSubject(
  subject: string,
): { readonly accountId: AccountId; readonly archive: string } | undefined {
  const [weft, kind, account = '', archive, ...rest] = subject.split('.')
  if (weft !== 'weft' || kind !== 'archive' || !isAccountId(account) || !archive || rest.length > 0) return undefined
  return { accountId: accountId(account), archive: archive.replaceAll('$d', '.') }
}
