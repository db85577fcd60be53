import { err, ok } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import type { CodeInventory, StoredPackage } from '@weft/registry'
import { readLast } from '../buckets/cas.ts'
import type { NatsLink } from '../link.ts'
import { streamReader } from '../stream-reader.ts'
import { codeStream, entrySubjects, parseEntry, readEntryOf, writeEntryOf } from './entries.ts'
import { partSubjects, partsId, partsOf, removeParts } from './parts.ts'

/** What is in the store, to be cleared up by its owner. */
export function openCodeInventory(link: NatsLink, clock: Clock = systemClock): CodeInventory {
  const reader = streamReader(link, codeStream)
  const entries = () => reader.scan({ filter: entrySubjects, from: { sequence: 1 } })
  return {
    async list() {
      const packages: StoredPackage[] = []
      for await (const { data, storedAtMs, sequence: revision } of entries()) {
        const { name, deleted } = parseEntry(data)
        if (!deleted) packages.push({ digest: name, storedAtMs, revision })
      }
      return packages
    },
    async remove(digest, revision) {
      const entry = await readEntryOf(link, digest)
      if (entry?.revision !== revision) return err('conflict')
      const gone = { ...entry.info, size: 0, chunks: 0, digest: '', deleted: true }
      const written = await writeEntryOf(link, clock, gone, entry.revision)
      if (!written.ok) return written
      await removeParts(link, entry.info)
      return ok(undefined)
    },
    async removeUnfinished(beforeMs) {
      // Parts first: those of an entry that is written meanwhile are then seen as named.
      const found = await reader.subjects(partSubjects)
      const named = new Set<string>()
      for await (const { data } of entries()) {
        const { nuid, deleted } = parseEntry(data)
        if (!deleted) named.add(nuid)
      }
      let removed = 0
      for (const nuid of [...found.keys()].map(partsId).filter((one) => !named.has(one))) {
        const last = await readLast(link, codeStream, partsOf(nuid))
        if (!last || last.time.getTime() >= beforeMs) continue
        await removeParts(link, { nuid })
        removed += 1
      }
      return removed
    },
  }
}
