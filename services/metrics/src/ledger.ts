import type { FabricRecord, Result } from '@weft/contracts'
import { addRecord, emptyRollup, momentOf, type Rollup } from './rollup.ts'

/**
 * One stored document of rollups. `through` is the place in the record stream up to which it counts, so that a message
 * that comes again, after a crash or to a second instance, is counted once. Places of another stream say nothing.
 */
export interface RollupDocument {
  /** When the record stream was created. */
  readonly stream: string
  readonly through: number
  /** Hour documents: minute of the hour → rollup. Totals: one entry, `all`. */
  readonly rollups: Readonly<Record<string, Rollup>>
}

/** One message of the record stream, its lines read. */
export interface RecordMessage {
  readonly stream: string
  readonly sequence: number
  readonly accountId: string
  readonly functionName: string
  readonly records: readonly FabricRecord[]
}

const hourMs = 3_600_000
const minuteMs = 60_000

export const hourKey = (accountId: string, functionName: string, hour: number): string =>
  `${accountId}.${functionName}.h${hour}`
export const totalKey = (accountId: string, functionName: string): string => `${accountId}.${functionName}.total`
/** Functions beyond the bound of label values are counted together. */
export const otherTotalKey = 'other.other.total'

export const emptyDocument: RollupDocument = { stream: '', through: 0, rollups: {} }

/** The document with the message counted in; itself when it has been already. `entryOf` undefined skips a record. */
export function count(
  document: RollupDocument,
  message: RecordMessage,
  entryOf: (record: FabricRecord) => string | undefined,
): RollupDocument {
  const through = document.stream === message.stream ? document.through : 0
  if (message.sequence <= through) return document
  const rollups: Record<string, Rollup> = { ...document.rollups }
  for (const record of message.records) {
    const entry = entryOf(record)
    if (entry !== undefined) rollups[entry] = addRecord(rollups[entry] ?? emptyRollup, record)
  }
  return { stream: message.stream, through: message.sequence, rollups }
}

/** The documents that a message changes, and where in each its records go. */
export function documentsOf(
  message: RecordMessage,
  tracked: boolean,
): Map<string, (record: FabricRecord) => string | undefined> {
  const { accountId, functionName } = message
  const documents = new Map<string, (record: FabricRecord) => string | undefined>()
  for (const record of message.records) {
    const hour = Math.floor(momentOf(record) / hourMs)
    documents.set(hourKey(accountId, functionName, hour), (r) => {
      const moment = momentOf(r)
      return Math.floor(moment / hourMs) === hour ? String(Math.floor((moment % hourMs) / minuteMs)) : undefined
    })
  }
  if (message.records.length > 0) {
    documents.set(tracked ? totalKey(accountId, functionName) : otherTotalKey, () => 'all')
  }
  return documents
}

export interface StoredDocument {
  readonly document: RollupDocument
  readonly revision: number
}

/** Documents by key, with compare-and-set. Rejects when the store is unreachable. */
export interface RollupStore {
  load(key: string): Promise<StoredDocument | undefined>
  /** Revision 0: only when there is none yet. Gives the new revision. */
  save(key: string, document: RollupDocument, revision: number): Promise<Result<number, 'conflict'>>
  /** Keys of all totals. */
  totalKeys(): Promise<readonly string[]>
  /** How far everything is counted and saved. */
  loadPosition(): Promise<{ readonly stream: string; readonly through: number } | undefined>
  savePosition(position: { readonly stream: string; readonly through: number }): Promise<void>
}

interface Held {
  document: RollupDocument
  revision: number
  /** Counted here but not saved yet, to be counted again when another instance has saved meanwhile. */
  readonly unsaved: { message: RecordMessage; entryOf: (record: FabricRecord) => string | undefined }[]
  /** Flushes since the last change. */
  idleFlushes: number
}

/** Documents that have not changed for this many flushes leave memory; totals stay. */
const keepIdleFlushes = 3

/**
 * Counts messages into documents held in memory and saves them when told. Two ledgers over one store are safe: whoever
 * saves second counts its messages again on top of what the first has saved, which skips those it had counted.
 */
export class RollupLedger {
  readonly #store: RollupStore
  readonly #maxFunctions: number
  readonly #held = new Map<string, Held>()
  readonly #tracked = new Set<string>()
  #position: { stream: string; through: number } | undefined

  constructor(store: RollupStore, maxFunctions: number) {
    this.#store = store
    this.#maxFunctions = maxFunctions
  }

  /** Loads the totals; gives the place to go on from. */
  async resume(): Promise<{ readonly stream: string; readonly through: number } | undefined> {
    for (const key of await this.#store.totalKeys()) {
      if (key !== otherTotalKey) this.#tracked.add(key)
      await this.#hold(key)
    }
    this.#position = await this.#store.loadPosition()
    return this.#position
  }

  async add(message: RecordMessage): Promise<void> {
    for (const [key, entryOf] of documentsOf(message, this.#track(message))) {
      const held = await this.#hold(key)
      const counted = count(held.document, message, entryOf)
      if (counted === held.document) continue
      held.document = counted
      held.unsaved.push({ message, entryOf })
      held.idleFlushes = 0
    }
    const behind = this.#position?.stream === message.stream && this.#position.through >= message.sequence
    if (!behind) this.#position = { stream: message.stream, through: message.sequence }
  }

  /** Saves what has changed, then the position. Rejects when the store is unreachable; call again later. */
  async flush(): Promise<void> {
    const position = this.#position
    for (const [key, held] of this.#held) {
      if (held.unsaved.length > 0) await this.#save(key, held)
      else if (++held.idleFlushes > keepIdleFlushes && !key.endsWith('.total')) this.#held.delete(key)
    }
    if (position) await this.#store.savePosition(position)
  }

  get totals(): { accountId: string; functionName: string; totals: Rollup }[] {
    return [...this.#held]
      .filter(([key]) => key.endsWith('.total'))
      .map(([key, { document }]) => {
        const [accountId = '', functionName = ''] = key.split('.')
        const totals = document.rollups.all ?? emptyRollup
        return key === otherTotalKey ? { accountId: '', functionName: '', totals } : { accountId, functionName, totals }
      })
  }

  #track({ accountId, functionName }: RecordMessage): boolean {
    const key = totalKey(accountId, functionName)
    if (this.#tracked.has(key)) return true
    if (this.#tracked.size >= this.#maxFunctions) return false
    this.#tracked.add(key)
    return true
  }

  async #hold(key: string): Promise<Held> {
    const known = this.#held.get(key)
    if (known) return known
    const stored = await this.#store.load(key)
    const held: Held = {
      document: stored?.document ?? emptyDocument,
      revision: stored?.revision ?? 0,
      unsaved: [],
      idleFlushes: 0,
    }
    this.#held.set(key, held)
    return held
  }

  async #save(key: string, held: Held): Promise<void> {
    for (;;) {
      // More may be counted while the answer is awaited; that part stays unsaved.
      const sent = held.unsaved.length
      const saved = await this.#store.save(key, held.document, held.revision)
      if (saved.ok) {
        held.revision = saved.value
        held.unsaved.splice(0, sent)
        return
      }
      const stored = await this.#store.load(key)
      held.revision = stored?.revision ?? 0
      held.document = held.unsaved.reduce(
        (document, { message, entryOf }) => count(document, message, entryOf),
        stored?.document ?? emptyDocument,
      )
    }
  }
}
