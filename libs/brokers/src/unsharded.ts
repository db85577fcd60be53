import { type EventSourceMapping, ok, type Result } from '@weft/contracts'
import type { MappingSource, MappingSources } from '@weft/delivery'

/** Records of brokers stay with their connection, so extensions are few. */
export const brokerHoldMs = 30_000

/** Sources that are read as a whole. */
export const unsharded = (
  open: (mapping: EventSourceMapping) => Promise<Result<MappingSource, string>>,
  remove: (mapping: EventSourceMapping) => Promise<void>,
): MappingSources => ({
  holdMs: brokerHoldMs,
  isSharded: () => false,
  shards: async () => ok(['']),
  open,
  remove,
})

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
