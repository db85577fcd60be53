import { DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import type { Clock } from '@weft/platform'
import { neverWritten, readEntry, writeEntry } from './buckets/cas.ts'
import type { NatsLink } from './link.ts'

/** What the start found out about the store, shown in the banner and by health. */
export interface DurabilityReport {
  readonly serverVersion: string
  readonly servers: number
  /** `always`: an acknowledged write survives a power cut. `interval`: it survives a crash of the server only. */
  readonly sync: 'always' | 'interval'
  /** For `interval`: writes of so many ms may be lost in a power cut. */
  readonly syncIntervalMs: number
  /** Compare-and-set updates made while testing it, by writers side by side; none was lost. */
  readonly compareAndSetUpdates: number
  /** One sentence for people. */
  readonly summary: string
}

/** The oldest server the fabric runs on. */
export const leastServerVersion = '2.10.27'

/**
 * Proves what the server promises before anything relies on it: its version, the sync mode as the server itself states
 * it, and that concurrent compare-and-set updates lose nothing. Rejects with one clear sentence when it cannot be used.
 */
export async function proveDurability(
  admin: NatsLink,
  system: NatsLink,
  options: { readonly replicas: 1 | 3; readonly clock: Clock },
): Promise<DurabilityReport> {
  const serverVersion = admin.connection.info?.version ?? 'unknown'
  if (!versionAtLeast(serverVersion, leastServerVersion)) throw new Error(tooOld(serverVersion))
  const servers = await jetStreamServers(system)
  const intervals = servers.map(({ data }) => data.config?.sync_interval ?? 0).map((ns) => ns / 1_000_000)
  const sync = servers.length > 0 && servers.every(({ data }) => data.config?.sync_always) ? 'always' : 'interval'
  const syncIntervalMs = sync === 'always' ? 0 : Math.max(...intervals, 0)
  const compareAndSetUpdates = await testCompareAndSet(admin, options)
  const kept =
    sync === 'always'
      ? 'every acknowledged write is on disk (sync always)'
      : `a power cut may lose the last ${Math.ceil(syncIntervalMs / 1000)} s of acknowledged writes (sync interval)`
  return {
    serverVersion,
    servers: servers.length,
    sync,
    syncIntervalMs,
    compareAndSetUpdates,
    summary: `nats-server ${serverVersion}: ${kept}; ${compareAndSetUpdates} concurrent compare-and-set updates, none lost`,
  }
}

/** Refuses by name what loses data: 2.9 drops updates on replicated buckets and cannot sync; 2.10.20 to 2.10.22 lost streams. */
function tooOld(version: string): string {
  const why = version.startsWith('2.9.')
    ? 'it loses compare-and-set updates on replicated buckets and cannot sync every write'
    : 'it has known faults that lose data or let users past their permissions'
  return `nats-server ${version} cannot be used: ${why}; ${leastServerVersion} or newer is needed`
}

export function versionAtLeast(version: string, least: string): boolean {
  const numbers = (text: string): number[] => (/^v?(\d+)\.(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number)
  const [have, need] = [numbers(version), numbers(least)]
  for (let i = 0; i < 3; i++) {
    const difference = (have[i] ?? -1) - (need[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

interface JetStreamState {
  readonly data: { readonly config?: { readonly sync_interval?: number; readonly sync_always?: boolean } }
}

/** Asks every server of the cluster for its JetStream settings. */
async function jetStreamServers(system: NatsLink): Promise<JetStreamState[]> {
  const answers = await system.connection.requestMany('$SYS.REQ.SERVER.PING.JSZ', '{"config":true}', {
    strategy: 'stall',
    stall: 300,
    maxWait: 5_000,
  })
  const states: JetStreamState[] = []
  for await (const answer of answers) states.push(answer.json<JetStreamState>())
  return states
}

const probe = 'weft-probe'
const writers = 8
const updatesEach = 5

/** Writers raise one number side by side; a lost update shows as a sum that is too small. */
async function testCompareAndSet(
  admin: NatsLink,
  { replicas, clock }: { readonly replicas: 1 | 3; readonly clock: Clock },
): Promise<number> {
  const stream = `KV_${probe}`
  await admin.jsm.streams.add({
    name: stream,
    subjects: [`$KV.${probe}.>`],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_bytes: 1024 * 1024,
    discard: DiscardPolicy.New,
  })
  try {
    const raise = async (): Promise<void> => {
      for (let done = 0; done < updatesEach; ) {
        const entry = await readEntry(admin, probe, 'n')
        const next = Number(new TextDecoder().decode(entry?.value)) + 1
        const bytes = new TextEncoder().encode(`${next}`)
        const written = await writeEntry(admin, clock, probe, 'n', bytes, entry?.revision ?? neverWritten)
        if (written.ok) done++
      }
    }
    await Promise.all(Array.from({ length: writers }, raise))
    const last = Number(new TextDecoder().decode((await readEntry(admin, probe, 'n'))?.value))
    if (last !== writers * updatesEach)
      throw new Error(`the NATS server loses compare-and-set updates: ${writers * updatesEach} made, ${last} kept`)
    return last
  } finally {
    await admin.jsm.streams.delete(stream)
  }
}
