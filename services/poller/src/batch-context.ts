import type { EventSourceMapping, FactSink, Invoker, ResolvedFunction } from '@weft/contracts'
import type { DeadBatches, EventTargets, MappingSource, SourceRecord } from '@weft/delivery'
import { type Clock, delay, type Logger } from '@weft/platform'

/** What it takes to carry batches of one open source to their fate. */
export interface BatchContext {
  readonly mapping: EventSourceMapping
  readonly shard: string
  readonly source: MappingSource
  readonly resolve: () => ResolvedFunction | undefined
  /** Why the function may not be given what is read here; undefined: it may. */
  readonly refusal: (target: ResolvedFunction) => string | undefined
  readonly invoker: Invoker
  readonly deadBatches: DeadBatches
  readonly targets: EventTargets
  readonly facts: FactSink
  readonly clock: Clock
  readonly log: Logger
  readonly backoffMs: { readonly first: number; readonly most: number }
  /** Aborts when no further run may start; one that runs is still settled. */
  readonly leaving: AbortSignal
  /** False once another poller may have the shard. */
  readonly held: () => boolean
  /** For LastProcessingResult. */
  readonly report: (result: string) => void
}

const ioTries = 4
const ioWaitMs = 500

export const mustHold = ({ held, source }: BatchContext): void => {
  if (!held() || !source.held()) throw new Error('the records may be in other hands')
}

/** Repeats what is harmless to repeat while the records are held. */
export async function surely<T>(context: BatchContext, act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (attempt >= ioTries || !context.held() || !context.source.held()) throw error
      context.log.warn({ err: error, mapping: context.mapping.uuid }, 'tried again')
      await delay(context.clock, ioWaitMs * attempt)
    }
  }
}

export const settle = (context: BatchContext, records: readonly SourceRecord[]): Promise<void> =>
  records.length === 0 ? Promise.resolve() : surely(context, () => context.source.settle(records))
