import type { JetStreamClient } from '@nats-io/jetstream'
import { err, ok, streams } from '@weft/contracts'
import { type EventAcceptor, encodeEvent } from '@weft/delivery'
import type { Logger } from '@weft/platform'
import { type PublishPatience, publishStored } from './publish.ts'

export interface EventAcceptorOptions {
  readonly link: { readonly js: JetStreamClient }
  readonly log: Logger
  /** By default 8 s: longer than a replicated stream needs to elect its leader. */
  readonly patience?: PublishPatience
}

/** Accepts events onto the event stream of their account, which exists already. */
export function natsEventAcceptor({ link, log, patience }: EventAcceptorOptions): EventAcceptor {
  return {
    async accept(event) {
      const { deduplicationId, ...rest } = event
      const message = encodeEvent(
        { ...rest, attempt: 1, functionErrors: 0, backoffs: 0, turn: 0, notBeforeMs: 0 },
        'accept',
      )
      const stored = await publishStored(
        link.js,
        {
          ...message,
          messageId: deduplicationId ?? event.requestId,
          stream: streams.events(event.accountId),
        },
        patience ?? { budgetMs: 8_000, timeoutMs: 2_000 },
      )
      if (stored.ok) return ok({ duplicate: stored.value.duplicate })
      const { kind, cause } = stored.error
      log.warn({ err: cause, requestId: event.requestId, kind }, 'an event was not accepted')
      return err(kind === 'store-full' ? kind : 'unavailable')
    },
  }
}
