import type { EventSourceMapping } from '@weft/contracts'
import type { MappingSources } from '@weft/delivery'
import { brokerHoldMs } from './unsharded.ts'

/** Whether a source is read in parts: never, always, or by mappings with provisioned pollers. */
export type Sharding = 'whole' | 'sharded' | 'by pollers'

const isSharded: Readonly<Record<Sharding, (mapping: EventSourceMapping) => boolean>> = {
  whole: () => false,
  sharded: () => true,
  'by pollers': ({ provisionedPollers }) => provisionedPollers !== undefined,
}

/** Sources that are loaded when the first mapping asks for them. */
export function lazySources(sharding: Sharding, load: () => Promise<MappingSources>): MappingSources {
  let loaded: Promise<MappingSources> | undefined
  const sources = (): Promise<MappingSources> => {
    loaded ??= load()
    return loaded
  }
  return {
    holdMs: brokerHoldMs,
    isSharded: isSharded[sharding],
    shards: async (mapping) => (await sources()).shards(mapping),
    open: async (mapping, shard) => (await sources()).open(mapping, shard),
    remove: async (mapping) => (await sources()).remove(mapping),
    lag: async (mapping) => (await sources()).lag?.(mapping),
  }
}
