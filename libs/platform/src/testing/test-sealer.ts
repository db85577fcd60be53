import { newMasterKey } from '../sealing/master-keys.ts'
import { Sealer } from '../sealing/sealer.ts'

/** A sealer with a key of its own. */
export function testSealer(): Sealer {
  const key = newMasterKey(0)
  return new Sealer({ newest: () => key, find: (id) => (id === key.id ? key : undefined), list: () => [key] })
}
