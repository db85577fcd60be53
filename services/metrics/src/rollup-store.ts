import type { DocumentStore } from '@weft/nats'
import type { RollupDocument, RollupStore } from './ledger.ts'
import { emptyRollup } from './rollup.ts'

const positionKey = 'position'

interface Position {
  readonly stream: string
  readonly through: number
}

/** A document of an earlier version lacks the counters that have come since: they are zero. */
const complete = (document: RollupDocument): RollupDocument => ({
  ...document,
  rollups: Object.fromEntries(
    Object.entries(document.rollups).map(([entry, rollup]) => [entry, { ...emptyRollup, ...rollup }]),
  ),
})

/** Rollups as JSON documents. */
export function rollupStore(documents: DocumentStore): RollupStore {
  return {
    async load(key) {
      const found = await documents.read(key)
      return found && { document: complete(found.value as RollupDocument), revision: found.revision }
    },
    save: (key, document, revision) => documents.write(key, document, revision),
    totalKeys: () => documents.keys('*.*.total'),
    async loadPosition() {
      return (await documents.read(positionKey))?.value as Position | undefined
    },
    async savePosition(position) {
      // Two instances may write it in turns: a position that lies back costs reading again and no more.
      const before = await documents.read(positionKey)
      await documents.write(positionKey, position, before?.revision ?? 0)
    },
  }
}
