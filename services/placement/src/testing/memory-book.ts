import type { ProvisionedBook } from '@weft/registry'

/** A book of provisioned environments to look into. */
export class MemoryProvisionedBook implements ProvisionedBook {
  readonly entries = new Map<string, unknown>()

  async tell(key: string, status: object): Promise<void> {
    this.entries.set(key, status)
  }

  async forget(key: string): Promise<void> {
    this.entries.delete(key)
  }
}
