/** A slot taken in an account's concurrency ledger. */
export interface Slot {
  /** Safe to call twice. */
  release(): void
}

/**
 * The concurrency ledger of one account, as the lease protocol needs it. `withheld` slots of every pool are treated as
 * taken. Functions of one pool compete for the same slots.
 */
export interface Ledger {
  readonly used: number
  readonly accountLimit: number
  poolOf(functionName: string): string
  admit(
    functionName: string,
    version: string,
    withheld: number,
  ): { readonly ok: true; readonly value: Slot } | { readonly ok: false; readonly error: 'account' | 'function' }
  /** Takes a slot whatever the limits say: for what is found running already. */
  count(functionName: string): Slot
  /** Environments of a version that are initialised ahead of calls: calls of it use their capacity first. */
  provision(functionName: string, version: string, ready: number): void
  /** Counts synchronous calls that were let in; for how long no more may be, ms. */
  spend(functionName: string, calls: number, now: number): number
  /** Asks for one more environment under the scaling rate. */
  admitEnvironment(functionName: string, now: number): boolean
}
