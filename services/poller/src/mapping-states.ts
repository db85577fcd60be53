import type { EventSourceMapping } from '@weft/contracts'
import type { Logger } from '@weft/platform'
import type { Store } from '@weft/registry'

const tries = 5

/**
 * Writes what the poller knows of a mapping (its state, its last result) next to what the user wishes, by
 * compare-and-set: the wish may change at any moment, and a write must not undo it.
 */
export class MappingStates {
  readonly #store: Store<EventSourceMapping>
  readonly #log: Logger
  /** Reports are written one after another, the newest winning. */
  readonly #reports = new Map<string, { text: string; writing: boolean }>()

  constructor(store: Store<EventSourceMapping>, log: Logger) {
    this.#store = store
    this.#log = log
  }

  /** Moves a mapping that is still wished to be (or not to be) enabled into its state. Resolves when stored. */
  async settle(key: string, enabled: boolean): Promise<void> {
    const state = enabled ? 'Enabled' : 'Disabled'
    await this.#change(key, (mapping) =>
      mapping.enabled !== enabled || mapping.state === state || mapping.state === 'Deleting'
        ? undefined
        : { ...mapping, state, stateTransitionReason: 'USER_INITIATED' },
    )
  }

  /** Removes a mapping that is being deleted. */
  async remove(key: string): Promise<void> {
    for (let attempt = 0; attempt < tries; attempt++) {
      const stored = await this.#store.read(key)
      if (stored?.value.state !== 'Deleting') return
      if ((await this.#store.remove(key, stored.revision)).ok) return
    }
    throw new Error(`mapping ${key} changes faster than it can be removed`)
  }

  /** Notes a LastProcessingResult; written soon, and only when it differs. */
  report(key: string, text: string): void {
    const entry = this.#reports.get(key)
    if (entry?.text === text) return
    if (entry?.writing) {
      entry.text = text
      return
    }
    const fresh = { text, writing: true }
    this.#reports.set(key, fresh)
    void this.#writeReport(key, fresh)
  }

  forget(key: string): void {
    this.#reports.delete(key)
  }

  async #writeReport(key: string, entry: { text: string; writing: boolean }): Promise<void> {
    let written: string
    do {
      written = entry.text
      try {
        await this.#change(key, (mapping) =>
          mapping.lastProcessingResult === written ? undefined : { ...mapping, lastProcessingResult: written },
        )
      } catch (error) {
        this.#log.warn({ err: error, mapping: key, result: written }, 'LastProcessingResult was not written')
      }
    } while (entry.text !== written)
    entry.writing = false
  }

  async #change(key: string, change: (mapping: EventSourceMapping) => EventSourceMapping | undefined): Promise<void> {
    for (let attempt = 0; attempt < tries; attempt++) {
      const stored = await this.#store.read(key)
      const next = stored && change(stored.value)
      if (!stored || !next) return
      if ((await this.#store.replace(key, next, stored.revision)).ok) return
    }
    throw new Error(`mapping ${key} changes faster than its state can be written`)
  }
}
