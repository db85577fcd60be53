import type { Archive, Replay } from './archives.ts'
import { type AccountId, accountId, isAccountId } from './ids.ts'
import type { LogFilters } from './log-filters.ts'
import { nameToken } from './subjects.ts'
import type { Topic } from './topics.ts'

/** Where a rule or a schedule sends what it has. */
export interface TriggerTarget {
  /** Of rules: the name of the target within its rule. */
  readonly id: string
  readonly arn: string
  readonly roleArn?: string
  /** JSON (rules) or any text (schedules) that is sent in the place of the event. */
  readonly input?: string
  /** Part of the event that is sent, `$.detail.id`. */
  readonly inputPath?: string
  readonly inputTransformer?: InputTransformer
  /** After so many seconds, or retries, of a target that does not take it, it goes to the dead-letter target. */
  readonly maximumEventAgeSeconds: number
  readonly maximumRetryAttempts: number
  readonly deadLetterArn?: string
}

export interface InputTransformer {
  /** Name → path into the event. */
  readonly paths: Readonly<Record<string, string>>
  readonly template: string
}

export interface EventBus {
  readonly kind: 'bus'
  readonly accountId: AccountId
  readonly name: string
  readonly description?: string
  readonly createdAtMs: number
  readonly lastModifiedMs: number
  readonly tags: Readonly<Record<string, string>>
}

export interface EventRule {
  readonly kind: 'rule'
  readonly accountId: AccountId
  readonly busName: string
  readonly name: string
  readonly description?: string
  readonly enabled: boolean
  /** JSON. */
  readonly eventPattern?: string
  readonly scheduleExpression?: string
  readonly roleArn?: string
  readonly targets: readonly TriggerTarget[]
  readonly createdAtMs: number
  readonly tags: Readonly<Record<string, string>>
}

export interface ScheduleGroup {
  readonly kind: 'schedule-group'
  readonly accountId: AccountId
  readonly name: string
  readonly createdAtMs: number
  readonly lastModifiedMs: number
}

/** A schedule of EventBridge Scheduler. */
export interface Schedule {
  readonly kind: 'schedule'
  readonly accountId: AccountId
  readonly groupName: string
  readonly name: string
  readonly description?: string
  readonly expression: string
  readonly timezone: string
  readonly startMs?: number
  readonly endMs?: number
  /** 0: OFF. */
  readonly flexibleWindowMinutes: number
  readonly enabled: boolean
  readonly deleteAfterCompletion: boolean
  readonly target: TriggerTarget
  readonly createdAtMs: number
  readonly lastModifiedMs: number
}

/** What of a bucket somebody is to be told. */
interface NotificationWish {
  readonly id: string
  /** `s3:ObjectCreated:*` and the like. */
  readonly events: readonly string[]
  readonly prefix?: string
  readonly suffix?: string
}

export interface FunctionNotification extends NotificationWish {
  readonly functionArn: string
}

/** A topic, or a stream, queue or subject of the account's JetStream. */
export interface TargetNotification extends NotificationWish {
  readonly kind: 'queue' | 'topic'
  readonly targetArn: string
}

/** Who is told of what happens in an S3-shaped bucket. */
export interface BucketNotifications {
  readonly kind: 'notifications'
  readonly accountId: AccountId
  readonly bucket: string
  readonly functions: readonly FunctionNotification[]
  readonly targets?: readonly TargetNotification[]
  /** The default event bus is told of everything. */
  readonly eventBridge: boolean
}

/** How far the clock of all schedules has come: everything due until then has been sent. */
export interface ClockPosition {
  readonly kind: 'clock'
  /** Epoch ms. */
  readonly throughMs: number
}

/** What makes functions run without being asked; kept in one bucket. */
export type TriggerRecord =
  | EventBus
  | EventRule
  | Archive
  | Replay
  | ScheduleGroup
  | Schedule
  | BucketNotifications
  | Topic
  | LogFilters
  | ClockPosition

/** Every account has it, without a record. */
export const defaultBusName = 'default'
export const defaultScheduleGroup = 'default'

export const triggerKeys = {
  clock: 'clock',
  bus: (account: AccountId, name: string) => `${account}.bus.${nameToken(name)}`,
  busesOf: (account: AccountId) => `${account}.bus.`,
  rule: (account: AccountId, bus: string, name: string) => `${account}.rule.${nameToken(bus)}.${nameToken(name)}`,
  rulesOf: (account: AccountId, bus: string) => `${account}.rule.${nameToken(bus)}.`,
  archive: (account: AccountId, name: string) => `${account}.archive.${nameToken(name)}`,
  archivesOf: (account: AccountId) => `${account}.archive.`,
  replay: (account: AccountId, name: string) => `${account}.replay.${nameToken(name)}`,
  replaysOf: (account: AccountId) => `${account}.replay.`,
  notifications: (account: AccountId, bucket: string) => `${account}.notifications.${nameToken(bucket)}`,
  logFilters: (account: AccountId, logGroup: string) =>
    `${account}.log-filters.${Buffer.from(logGroup).toString('base64url')}`,
  topic: (account: AccountId, name: string) => `${account}.topic.${nameToken(name)}`,
  topicsOf: (account: AccountId) => `${account}.topic.`,
  group: (account: AccountId, name: string) => `${account}.schedule-group.${nameToken(name)}`,
  groupsOf: (account: AccountId) => `${account}.schedule-group.`,
  schedule: (account: AccountId, group: string, name: string) =>
    `${account}.schedule.${nameToken(group)}.${nameToken(name)}`,
  schedulesOf: (account: AccountId, group?: string) =>
    `${account}.schedule.${group === undefined ? '' : `${nameToken(group)}.`}`,
} as const

export const busArn = (region: string, account: AccountId, bus: string): string =>
  `arn:aws:events:${region}:${account}:event-bus/${bus}`

/** An event bus by its ARN; undefined for anything else. */
export function parseBusArn(
  arn: string,
): { readonly region: string; readonly accountId: AccountId; readonly bus: string } | undefined {
  const [, region, account, bus] = /^arn:aws:events:([a-z0-9-]+):(\d{12}):event-bus\/([\w.-]{1,256})$/.exec(arn) ?? []
  return region && account && bus ? { region, accountId: accountId(account), bus } : undefined
}

export const ruleArn = (region: string, { accountId, busName, name }: EventRule): string =>
  `arn:aws:events:${region}:${accountId}:rule/${busName === defaultBusName ? '' : `${busName}/`}${name}`

export const scheduleArn = (
  region: string,
  { accountId, groupName, name }: Pick<Schedule, 'accountId' | 'groupName' | 'name'>,
): string => `arn:aws:scheduler:${region}:${accountId}:schedule/${groupName}/${name}`

/** Name of the bus in a subject of `subjects.bus`, and whose it is. */
export function parseBusSubject(subject: string): { readonly accountId: AccountId; readonly bus: string } | undefined {
  const [weft, kind, account = '', bus, ...rest] = subject.split('.')
  if (weft !== 'weft' || kind !== 'bus' || !isAccountId(account) || !bus || rest.length > 0) return undefined
  return { accountId: accountId(account), bus: bus.replaceAll('$d', '.') }
}

/** Name of the bucket in a subject of `subjects.notice`, and whose it is. */
export function parseNoticeSubject(
  subject: string,
): { readonly accountId: AccountId; readonly bucket: string } | undefined {
  const [weft, kind, account = '', bucket, ...rest] = subject.split('.')
  if (weft !== 'weft' || kind !== 'notice' || !isAccountId(account) || !bucket || rest.length > 0) return undefined
  return { accountId: accountId(account), bucket }
}
