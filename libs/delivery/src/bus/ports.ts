import type { AccountId, Result } from '@weft/contracts'
import type { BusEvent } from './bus-event.ts'

export interface BusPublisher {
  /** `ok`: stored durably; its rules will be followed. Idempotent by the event's id for two minutes. */
  put(account: AccountId, bus: string, event: BusEvent): Promise<Result<void, 'store-full' | 'unavailable'>>
}

/** One delivery of an event; one that is neither done nor extended for `holdMs` comes again, here or elsewhere. */
export interface BusDelivery {
  readonly accountId: AccountId
  readonly bus: string
  readonly event: BusEvent
  /** When the bus took it, epoch ms. */
  readonly storedAtMs: number
  held(): boolean
  /** Never rejects. */
  extend(): Promise<void>
  /** Removes the event; rejects when that is not certain, and then it may come again. */
  done(): Promise<void>
  /** Has it delivered again after the delay. */
  release(delayMs: number): void
}

export interface BusQueue {
  readonly holdMs: number
  /** Up to `most` events as soon as there is one; none after `waitMs`. Rejects when the store is away. One at a time. */
  pull(most: number, waitMs: number, signal: AbortSignal): Promise<readonly BusDelivery[]>
}
