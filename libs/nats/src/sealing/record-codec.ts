import type { Sealer, SealProblem } from '@weft/platform'
import { secretPartsOf } from './secrets-of.ts'

/** How the records of a bucket are written: as JSON, their secrets in an envelope beside what is open. */
export interface RecordCodec {
  encode(key: string, record: unknown): Uint8Array
  /** `problem` is set when the secrets stay closed; the record is then one without them. */
  decode(key: string, bytes: Uint8Array): { readonly record: unknown; readonly problem?: SealProblem }
}

interface Stored {
  readonly sealed?: string
}

/**
 * Secrets are opened once for each revision of a record, when it arrives, and sealed when it is written. Without a sealer
 * they stay closed, and records that have any cannot be written.
 */
export function recordCodec(bucket: string, sealer: Sealer | undefined): RecordCodec {
  return {
    encode(key, record) {
      const parts = secretPartsOf(bucket, key)
      if (!parts) return json(record)
      const { sealed: kept, ...fresh } = record as Stored
      const divided = parts.split(fresh as never)
      // What could not be opened is written back as it was, unless other secrets have taken its place.
      if (kept !== undefined && !parts.replaced(record as never)) {
        if (divided) throw new Error(`the secrets of ${bucket} ${key} cannot be opened, so none can be added to them`)
        return json(record)
      }
      if (!divided) return json(fresh)
      if (!sealer) throw new Error(`this process has no master keys: ${bucket} ${key} cannot be written`)
      return json({ ...divided.open, sealed: sealer.seal(JSON.stringify(divided.secrets), parts.resource) })
    },
    decode(key, bytes) {
      const stored = JSON.parse(new TextDecoder().decode(bytes)) as Stored
      const parts = secretPartsOf(bucket, key)
      if (!parts || stored.sealed === undefined) return { record: stored }
      const { sealed, ...open } = stored
      const opened = sealer?.open(sealed, parts.resource)
      if (opened?.ok) return { record: parts.join(open as never, JSON.parse(opened.value) as never) }
      const problem = opened?.error ?? { kind: 'unknown-key' as const, keyId: '' }
      const record = parts.without(stored as never, problem)
      return sealer ? { record, problem } : { record }
    },
  }
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
