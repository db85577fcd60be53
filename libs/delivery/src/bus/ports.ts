import type { AccountId, LogBatch, Result } from '@weft/contracts'
import type { TopicMessage } from '../topics/topic-message.ts'
import type { BusEvent } from './bus-event.ts'

export interface BusPublisher {
  /** `ok`: stored durably; its rules will be followed. Idempotent by the event's id for two minutes. */
  put(
    account: AccountId,
    bus: string,
    event: BusEvent,
    how?: PutHow,
  ): Promise<Result<void, 'store-full' | 'unavailable'>>
}

/** What is beside an event that is put. */
export interface PutHow {
  readonly replay?: Replaying
  /** X-Amzn-Trace-Id form: carries the lineage on, by which loops are found. */
  readonly traceHeader?: string
}

/** How an event is put that a replay puts. */
export interface Replaying {
  /** Idempotent by this id instead: the same event may come more than once. */
  readonly messageId: string
  /** Rules that are followed; empty: all of the bus. */
  readonly ruleNames: readonly string[]
}

export interface BusBacklog {
  /** Events of a bus whose rules have not been followed. Rejects when the store is away. */
  waiting(account: AccountId, bus: string): Promise<number>
}

export interface TopicPublisher {
  /** `ok`: stored durably; its subscribers will be called. Idempotent by the message's id for two minutes. */
  publish(account: AccountId, topic: string, message: TopicMessage): Promise<Result<void, 'store-full' | 'unavailable'>>
}

/** What a queue or topic is to be told of a bucket. */
export interface Notice {
  /** Equal for the same notice told twice. */
  readonly id: string
  readonly configurationId: string
  readonly targetArn: string
  /** JSON. */
  readonly payload: string
}

export interface NoticePublisher {
  /** `ok`: stored durably; its target will be told. Idempotent by the notice's id for two minutes. */
  notify(account: AccountId, bucket: string, notice: Notice): Promise<Result<void, 'store-full' | 'unavailable'>>
}

/** What is sent on to others: an event on a bus, a message of a topic, or log lines, by their place in the stream. */
export type Posted =
  | {
      readonly kind: 'event'
      readonly accountId: AccountId
      readonly bus: string
      readonly event: BusEvent
      /** Of a replay that is for some rules of the bus alone. */
      readonly ruleNames?: readonly string[]
      readonly traceHeader?: string
    }
  | { readonly kind: 'message'; readonly accountId: AccountId; readonly topic: string; readonly message: TopicMessage }
  | { readonly kind: 'notice'; readonly accountId: AccountId; readonly bucket: string; readonly notice: Notice }
  | { readonly kind: 'lines'; readonly sequence: number; readonly batches: readonly LogBatch[] }

/** One delivery of what was posted; one that is neither done nor extended for `holdMs` comes again, here or elsewhere. */
export interface BusDelivery {
  readonly posted: Posted
  /** When the bus or topic took it, epoch ms. */
  readonly storedAtMs: number
  /** How often it has been delivered, to any reader, this time included. */
  readonly deliveries: number
  held(): boolean
  /** Never rejects. */
  extend(): Promise<void>
  /** Removes it; rejects when that is not certain, and then it may come again. */
  done(): Promise<void>
  /** Has it delivered again after the delay. */
  release(delayMs: number): void
}

export interface BusQueue {
  readonly holdMs: number
  /** Up to `most` as soon as there is one; none after `waitMs`. Rejects when the store is away. One at a time. */
  pull(most: number, waitMs: number, signal: AbortSignal): Promise<readonly BusDelivery[]>
}
