import { buckets, type ProvisionedStatus, provisionedKey } from '@weft/contracts'
import type { ProvisionedStates } from '@weft/registry'
import { openDocuments } from './document-store.ts'
import type { NatsLink } from './link.ts'

/** As stored: the status, and which settings it is about. */
export interface StoredProvisionedStatus extends ProvisionedStatus {
  readonly lastModifiedMs: number
}

/** Reads what placement has written of provisioned environments. */
export function openProvisionedStates(link: NatsLink): ProvisionedStates {
  const documents = openDocuments(link, buckets.provisioned)
  return {
    async status(account, name, qualifier, lastModifiedMs) {
      const stored = (await documents.read(provisionedKey(account, name, qualifier)))?.value as
        | StoredProvisionedStatus
        | undefined
      if (stored?.lastModifiedMs !== lastModifiedMs) return undefined
      const { lastModifiedMs: _, ...status } = stored
      return status
    },
  }
}
