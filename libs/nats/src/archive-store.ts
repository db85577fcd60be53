import { err, ok, parseArchiveSubject, streams, subjects } from '@weft/contracts'
import type { ArchivedEvent, ArchiveSize, ArchiveStore } from '@weft/delivery'
import type { NatsLink } from './link.ts'
import { type PublishPatience, publishStored } from './publish.ts'
import { streamReader } from './stream-reader.ts'

const patience: PublishPatience = { budgetMs: 4_000, timeoutMs: 2_000 }

/** The archives of all accounts in one stream, each under a subject of its own. */
export function natsArchiveStore(link: NatsLink): ArchiveStore {
  const reader = streamReader(link, streams.archives)
  const scans = new Map<string, Promise<ReadonlyMap<string, ArchiveSize>>>()
  return {
    async keep(account, archive, kept, messageId) {
      const message = {
        subject: subjects.archive(account, archive),
        payload: kept,
        messageId,
        stream: streams.archives,
      }
      const stored = await publishStored(link.js, message, patience)
      if (stored.ok) return ok(undefined)
      return err(stored.error.kind === 'store-full' ? 'store-full' : 'unavailable')
    },
    async *read(account, archive, from) {
      const filter = subjects.archive(account, archive)
      // Nothing is archived before it arrives.
      const place = 'after' in from ? { sequence: from.after + 1 } : { timeMs: from.arrivedMs - clocksDifferMs }
      for await (const { sequence, data } of reader.scan({ filter, from: place })) {
        const { arrivedAtMs, event } = JSON.parse(new TextDecoder().decode(data)) as ArchivedEvent
        yield { sequence, arrivedAtMs, event }
      }
    },
    lastSequence: async () => (await reader.state()).lastSequence,
    sizes(account) {
      // Those who ask at the same time share one reading.
      const running = scans.get(account) ?? measure(link, account).finally(() => scans.delete(account))
      scans.set(account, running)
      return running
    },
    async drop(account, archive, beforeMs) {
      const filter = subjects.archive(account, archive)
      if (beforeMs === undefined) {
        await link.jsm.streams.purge(streams.archives, { filter })
        return
      }
      const { lastSequence } = await reader.state()
      let seq = lastSequence + 1
      for await (const kept of reader.scan({ filter, from: { timeMs: beforeMs } })) {
        seq = kept.sequence
        break
      }
      await link.jsm.streams.purge(streams.archives, { filter, seq })
    },
  }
}

/** Between servers of one cluster, at most. */
const clocksDifferMs = 60_000

/** Reads what is kept without its content. */
async function measure(link: NatsLink, account: Parameters<typeof subjects.archivesOf>[0]) {
  const sizes = new Map<string, ArchiveSize>()
  const consumer = await link.js.consumers.get(streams.archives, {
    ...{ filter_subjects: subjects.archivesOf(account), headers_only: true, inactive_threshold: 60_000 },
  })
  try {
    if ((await consumer.info(true)).num_pending === 0) return sizes
    const messages = await consumer.consume({ max_messages: 1_000 })
    try {
      for await (const message of messages) {
        const archive = parseArchiveSubject(message.subject)?.archive
        const bytes = Number(message.headers?.get('Nats-Msg-Size') ?? 0)
        const before = archive === undefined ? undefined : sizes.get(archive)
        if (archive !== undefined)
          sizes.set(archive, { events: (before?.events ?? 0) + 1, bytes: (before?.bytes ?? 0) + bytes })
        if (message.info.pending === 0) return sizes
      }
    } finally {
      await messages.close()
    }
    return sizes
  } finally {
    // What the server cannot be told now it forgets by itself after the consumer's threshold.
    await consumer.delete().catch(() => false)
  }
}
