import { type EventSourceMapping, err, ok } from '@weft/contracts'
import type { MappingSources } from './ports.ts'

/** Chooses sources by the service that a mapping's ARN names; one that is not there is a problem of the mapping. */
export function sourcesByService(services: Readonly<Record<string, MappingSources>>): MappingSources {
  const of = ({ eventSourceArn }: EventSourceMapping): MappingSources | undefined => {
    const service = eventSourceArn.split(':')[2] ?? ''
    return Object.hasOwn(services, service) ? services[service] : undefined
  }
  const missing = ({ eventSourceArn }: EventSourceMapping) =>
    err(`PROBLEM: This fabric reads no source like ${eventSourceArn}.`)
  return {
    // The shortest hold asks for the most frequent extensions.
    holdMs: Math.min(...Object.values(services).map((one) => one.holdMs)),
    isSharded: (mapping) => of(mapping)?.isSharded(mapping) ?? false,
    shards: async (mapping) => of(mapping)?.shards(mapping) ?? ok(['']),
    open: async (mapping, shard) => of(mapping)?.open(mapping, shard) ?? missing(mapping),
    remove: async (mapping) => of(mapping)?.remove(mapping),
    lag: async (mapping) => of(mapping)?.lag?.(mapping),
  }
}
