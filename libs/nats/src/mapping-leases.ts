import { buckets, err, ok } from '@weft/contracts'
import type { MappingLeases } from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import { neverWritten, readEntry, writeEntry } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'

export interface MappingLeasesOptions {
  readonly link: NatsLink
  readonly clock: Clock
  readonly log: Logger
  /** Written into the entry, for people who look at it. */
  readonly instanceId: string
}

/**
 * Leases as entries that expire in the server, by its clock alone: whoever creates the missing entry has the lease, and
 * rewriting it renews it. Their life is the bucket's.
 */
export async function openMappingLeases({
  link,
  clock,
  log,
  instanceId,
}: MappingLeasesOptions): Promise<MappingLeases> {
  const bucket = buckets.mappingLeases
  const { config } = await link.jsm.streams.info(`KV_${bucket}`)
  if (!config.max_age) throw new Error(`entries of bucket ${bucket} do not expire`)
  const value = new TextEncoder().encode(JSON.stringify({ holder: instanceId }))
  return {
    ttlMs: config.max_age / 1_000_000,
    async acquire(key) {
      const entry = await readEntry(link, bucket, key)
      if (entry?.value) return err('held')
      const written = await writeEntry(link, clock, bucket, key, value, entry?.revision ?? neverWritten)
      return written.ok ? ok({ key, revision: written.value }) : err('held')
    },
    async renew(lease) {
      const written = await writeEntry(link, clock, bucket, lease.key, value, lease.revision)
      return written.ok ? ok({ ...lease, revision: written.value }) : err('lost')
    },
    async release(lease) {
      try {
        await writeEntry(link, clock, bucket, lease.key, undefined, lease.revision)
      } catch (error) {
        log.warn({ err: error, lease: lease.key }, 'a mapping lease was not given back; it expires')
      }
    },
  }
}
