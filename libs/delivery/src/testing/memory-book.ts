import { err, ok } from '@weft/contracts'
import type { InvocationBook, TrackedEntry } from '../tracked-invocation.ts'

/** A book in memory with the promises of a real one. */
export class MemoryBook implements InvocationBook {
  readonly entries = new Map<string, TrackedEntry>()
  #revision = 0

  async read(account: string, requestId: string): Promise<TrackedEntry | undefined> {
    return this.entries.get(`${account}.${requestId}`)
  }

  async write(...[before, invocation, answer]: Parameters<InvocationBook['write']>) {
    const key = `${invocation.accountId}.${invocation.requestId}`
    if (this.entries.get(key)?.revision !== before?.revision) return err('conflict' as const)
    this.entries.set(key, { invocation, revision: ++this.#revision, ...(answer && { answer }) })
    return ok(this.#revision)
  }

  async remove({ invocation, revision }: TrackedEntry) {
    const key = `${invocation.accountId}.${invocation.requestId}`
    if (this.entries.get(key)?.revision !== revision) return err('conflict' as const)
    this.entries.delete(key)
    return ok(++this.#revision)
  }
}
