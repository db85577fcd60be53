import { ok, type TriggerRecord } from '@weft/contracts'
import type { BusEvent, NewEvent, Notice } from '@weft/delivery'
import { silentLogger } from '@weft/platform'
import { MemoryCatalogue, MemoryCollection } from '@weft/registry/testing'
import { Notifier } from './notifier.ts'

/** A notifier over a catalogue in memory, and what it has told. */
export function testNotifier(catalogue = new MemoryCatalogue()) {
  const told: NewEvent[] = []
  const published: BusEvent[] = []
  const notices: Notice[] = []
  const triggers = new MemoryCollection<TriggerRecord>()
  const answers = { accept: true }
  const notifier = new Notifier({
    ...{ catalogue, triggers, region: 'us-east-1', log: silentLogger },
    clock: { now: () => Date.UTC(2026, 0, 15) },
    events: {
      async accept(event) {
        if (!answers.accept) return { ok: false, error: 'store-full' }
        told.push(event)
        return ok({ duplicate: false })
      },
    },
    publisher: {
      async put(_account, _bus, event) {
        published.push(event)
        return ok(undefined)
      },
      async notify(_account, _bucket, notice) {
        if (!answers.accept) return { ok: false, error: 'store-full' }
        notices.push(notice)
        return ok(undefined)
      },
    },
  })
  return { notifier, told, published, notices, answers, catalogue, triggers }
}

export const silentNotifier = (): Notifier => testNotifier().notifier
