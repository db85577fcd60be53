import { type Clock, delay, type Logger } from '@weft/platform'
import { CodeCollector, type CodeInventory } from '@weft/registry'

/** Between two looks. */
const everyMs = 10 * 60_000
/** Longer than any request takes and than a link to a package is good for. */
const graceMs = 60 * 60_000

export interface ClearCodeDeps {
  readonly inventory: CodeInventory
  readonly inUse: () => ReadonlySet<string> | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** Removes packages that nothing names any more, as long as it is not disposed. */
export function clearCode({ inventory, inUse, clock, log }: ClearCodeDeps): AsyncDisposable {
  const collector = new CodeCollector({ inventory, inUse, graceMs, now: () => clock.now() })
  const stop = new AbortController()
  const run = async (): Promise<void> => {
    for (;;) {
      await delay(clock, everyMs, stop.signal)
      if (stop.signal.aborted) return
      try {
        const removed = await collector.sweep()
        if (removed.length > 0) log.info({ packages: removed.length }, 'packages that nothing uses were removed')
        const unfinished = await inventory.removeUnfinished(clock.now() - graceMs)
        if (unfinished > 0) log.info({ unfinished }, 'packages that were never finished were removed')
      } catch (error) {
        // The store is away or changed meanwhile; the next look starts from what is there then.
        log.warn({ err: error }, 'packages that nothing uses could not be looked for')
      }
    }
  }
  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}
