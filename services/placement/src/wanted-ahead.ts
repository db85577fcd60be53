import type { AccountId, FunctionName } from '@weft/contracts'
import type { ProvisionedTarget } from '@weft/placement'

type Tell = (account: AccountId, name: FunctionName, targets: readonly ProvisionedTarget[]) => void

/** What is to be initialised ahead for a function, for more than one reason: all of it is told at once. */
export class WantedAhead {
  readonly #tell: Tell
  readonly #wanted = new Map<string, Map<string, readonly ProvisionedTarget[]>>()

  constructor(tell: Tell) {
    this.#tell = tell
  }

  /** Takes what is wanted for one reason, in the place of what was. */
  for(reason: string): Tell {
    return (account, name, targets) => {
      const key = `${account}.${name}`
      const wanted = this.#wanted.get(key) ?? new Map<string, readonly ProvisionedTarget[]>()
      if (targets.length > 0) wanted.set(reason, targets)
      else wanted.delete(reason)
      if (wanted.size > 0) this.#wanted.set(key, wanted)
      else this.#wanted.delete(key)
      this.#tell(account, name, [...wanted.values()].flat())
    }
  }
}
