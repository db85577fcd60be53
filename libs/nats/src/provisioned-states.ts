import { buckets, type ProvisionedStatus, provisionedKey } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import type { ProvisionedBook, ProvisionedStates } from '@weft/registry'
import { readEntry, writeEntry } from './buckets/cas.ts'
import { openDocuments } from './document-store.ts'
import type { NatsLink } from './link.ts'

interface Stored extends ProvisionedStatus {
  /** Of the settings that it is about. */
  readonly lastModifiedMs: number
  /** Of the leader that told it. */
  readonly epoch: number
}

/** Reads what placement has written of provisioned environments. */
export function openProvisionedStates(link: NatsLink): ProvisionedStates {
  const documents = openDocuments(link, buckets.provisioned)
  return {
    async status(account, name, qualifier, lastModifiedMs) {
      const stored = (await documents.read(provisionedKey(account, name, qualifier)))?.value as Stored | undefined
      if (stored?.lastModifiedMs !== lastModifiedMs) return undefined
      const { lastModifiedMs: _, epoch: __, ...status } = stored
      return status
    },
  }
}

/** Writes it, for placement. */
export function openProvisionedBook(link: NatsLink, clock: Clock = systemClock): ProvisionedBook {
  const documents = openDocuments(link, buckets.provisioned, clock)
  return {
    async tell(key, status, epoch) {
      for (;;) {
        const before = await documents.read(key)
        if (before && (before.value as Stored).epoch > epoch) return
        const written = await documents.write(key, { ...status, epoch } satisfies Stored, before?.revision ?? 0)
        if (written.ok) return
      }
    },
    async forget(key) {
      const before = await readEntry(link, buckets.provisioned, key)
      // What another has written meanwhile is of newer settings.
      if (before?.value) await writeEntry(link, clock, buckets.provisioned, key, undefined, before.revision)
    },
  }
}
