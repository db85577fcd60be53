import { type AccountId, err, ok, parseArchiveArn, type Result } from '@weft/contracts'
import type { EventTargets } from '../targets.ts'
import type { BusEvent } from './bus-event.ts'

/** An event as an archive keeps it. */
export interface ArchivedEvent {
  /** When its bus took it, epoch ms. */
  readonly arrivedAtMs: number
  readonly event: BusEvent
}

export interface KeptEvent extends ArchivedEvent {
  /** Its place among all that archives keep. */
  readonly sequence: number
}

export interface ArchiveSize {
  readonly events: number
  /** As stored. */
  readonly bytes: number
}

/** Where the archives of all accounts keep their events. Rejects when the store is away. */
export interface ArchiveStore {
  /** `ok`: stored durably. Idempotent by the message id for two minutes. `kept`: an ArchivedEvent as JSON. */
  keep(
    account: AccountId,
    archive: string,
    kept: Uint8Array,
    messageId: string,
  ): Promise<Result<void, 'store-full' | 'unavailable'>>
  /** The events of an archive in the order they came, behind a place, or from the moment on that they arrived. */
  read(
    account: AccountId,
    archive: string,
    from: { readonly after: number } | { readonly arrivedMs: number },
  ): AsyncIterable<KeptEvent>
  /** The place of what was kept last. */
  lastSequence(): Promise<number>
  /** Of the account's archives that keep anything, by name. */
  sizes(account: AccountId): Promise<ReadonlyMap<string, ArchiveSize>>
  /** Removes what was stored before a moment, epoch ms; everything without one. */
  drop(account: AccountId, archive: string, beforeMs?: number): Promise<void>
}

/** What an archive is sent of an event. */
export const archivedEvent = (event: BusEvent, arrivedAtMs: number): string =>
  JSON.stringify({ arrivedAtMs, event } satisfies ArchivedEvent)

/** Archives as targets of the events of their bus. */
export const archiveTargets = (
  store: Pick<ArchiveStore, 'keep'>,
  isThere: (account: AccountId, archive: string) => boolean,
): EventTargets => ({
  async send(targetArn, { accountId, payload, messageId }) {
    const archive = parseArchiveArn(targetArn)
    if (archive?.kind !== 'archive' || !isThere(accountId, archive.name))
      return err({ reason: `${targetArn} is no archive`, permanent: true })
    const kept = await store.keep(accountId, archive.name, payload, messageId)
    return kept.ok ? ok(undefined) : err({ reason: `the store of archives is ${kept.error}`, permanent: false })
  },
})
