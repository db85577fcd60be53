import { buckets } from '@weft/contracts'
import { type Clock, masterKeyIdOf, type Sealer } from '@weft/platform'
import { readEntry, writeEntry } from '../buckets/cas.ts'
import type { NatsLink } from '../link.ts'
import { recordCodec } from './record-codec.ts'
import { secretPartsOf } from './secrets-of.ts'

/** Buckets whose records have secrets. */
const sealedBuckets = [buckets.functions, buckets.accounts, buckets.identities] as const

export interface SealedRecords {
  /** How many records are sealed under each master key. */
  readonly byKey: ReadonlyMap<string, number>
  /** Records with secrets in the open. */
  readonly open: number
}

export interface ResealReport {
  readonly rewrapped: number
  readonly sealed: number
  /** Left as they were: their master key is not there, or they are not what was sealed. */
  readonly closed: number
}

/** The records with secrets as the store has them. Needs the admin's link. */
export interface SecretStore {
  count(): Promise<SealedRecords>
  /** Brings every record under the newest master key. Records that change meanwhile are sealed by whoever changes them. */
  reseal(): Promise<ResealReport>
}

export function secretStore(link: NatsLink, sealer: Sealer, clock: Clock): SecretStore {
  return {
    async count() {
      const byKey = new Map<string, number>()
      let open = 0
      await eachRecord(link, async (bucket, key, bytes) => {
        const state = stateOf(bucket, key, bytes)
        if (state?.kind === 'open') open++
        if (state?.kind === 'sealed') byKey.set(state.keyId, (byKey.get(state.keyId) ?? 0) + 1)
      })
      return { byKey, open }
    },
    async reseal() {
      const report = { rewrapped: 0, sealed: 0, closed: 0 }
      await eachRecord(link, async (bucket, key, bytes, revision) => {
        let [current, expected] = [bytes, revision]
        for (;;) {
          const state = stateOf(bucket, key, current)
          const fresh = state && sealedAnew(bucket, key, current, sealer)
          if (fresh === 'closed') report.closed++
          if (!state || !fresh || fresh === 'closed') return
          if ((await writeEntry(link, clock, bucket, key, fresh, expected)).ok) {
            report[state.kind === 'open' ? 'sealed' : 'rewrapped']++
            return
          }
          const entry = await readEntry(link, bucket, key)
          if (!entry?.value) return
          ;[current, expected] = [entry.value, entry.revision]
        }
      })
      return report
    },
  }
}

type Visit = (bucket: string, key: string, bytes: Uint8Array, revision: number) => Promise<void>

async function eachRecord(link: NatsLink, visit: Visit): Promise<void> {
  for (const bucket of sealedBuckets) {
    const info = await link.jsm.streams.info(`KV_${bucket}`, { subjects_filter: `$KV.${bucket}.>` })
    for (const subject of Object.keys(info.state.subjects ?? {})) {
      const key = subject.slice(`$KV.${bucket}.`.length)
      const entry = secretPartsOf(bucket, key) && (await readEntry(link, bucket, key))
      if (entry?.value) await visit(bucket, key, entry.value, entry.revision)
    }
  }
}

const parse = (bytes: Uint8Array): { readonly sealed?: string } =>
  JSON.parse(new TextDecoder().decode(bytes)) as { readonly sealed?: string }

type State = { readonly kind: 'sealed'; readonly keyId: string } | { readonly kind: 'open' }

/** Undefined: a record without secrets. */
function stateOf(bucket: string, key: string, bytes: Uint8Array): State | undefined {
  const record = parse(bytes)
  if (record.sealed !== undefined) return { kind: 'sealed', keyId: masterKeyIdOf(record.sealed) }
  return secretPartsOf(bucket, key)?.split(record as never) && { kind: 'open' }
}

/** Undefined: it is under the newest key already. */
function sealedAnew(bucket: string, key: string, bytes: Uint8Array, sealer: Sealer): Uint8Array | 'closed' | undefined {
  const record = parse(bytes)
  const resource = secretPartsOf(bucket, key)?.resource ?? ''
  if (record.sealed === undefined) return recordCodec(bucket, sealer).encode(key, record)
  const rewrapped = sealer.rewrap(record.sealed, resource)
  if (!rewrapped.ok) return 'closed'
  if (rewrapped.value === record.sealed) return undefined
  return new TextEncoder().encode(JSON.stringify({ ...record, sealed: rewrapped.value }))
}
