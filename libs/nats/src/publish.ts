import { JetStreamApiError, type JetStreamClient } from '@nats-io/jetstream'
import { type MsgHdrs, headers as newHeaders } from '@nats-io/transport-node'
import { err, ok, type Result } from '@weft/contracts'
import { type Clock, delay, systemClock } from '@weft/platform'

export interface StoredPublish {
  readonly subject: string
  readonly payload: Uint8Array
  /** Equal ids within the stream's window are stored once; what makes a repeated publish harmless. */
  readonly messageId: string
  readonly headers?: Readonly<Record<string, string>>
  /** Refused unless the subject is captured by this stream. */
  readonly stream?: string
}

export interface PublishPatience {
  /** How long the publish is tried, all the time under the same message id. */
  readonly budgetMs: number
  /** Wait for each answer. */
  readonly timeoutMs: number
  readonly clock?: Clock
}

/** Between tries: a stream without a leader answers at once, and has one again after seconds. */
const pauseMs = { first: 50, most: 800 }

export interface PublishTrouble {
  readonly kind: 'store-full' | 'refused' | 'unavailable'
  readonly cause: unknown
}

/** What a store throws that has no room. */
export class StoreFull extends Error {}

export const isFull = (error: unknown): boolean => error instanceof JetStreamApiError && fullCodes.has(error.code)

/** maximum bytes or messages exceeded (also a failed write); insufficient storage, memory, resources. */
const fullCodes = new Set([10077, 10047, 10028, 10023])
/** Permanent: message too large, wrong expected stream, header out of bounds, publish to a sealed or mirror stream. */
const refusedCodes = new Set([10054, 10060, 10056, 10109])

/**
 * Publishes and waits for the store's acknowledgement. After a timeout the message may or may not be stored, so the
 * same id is published again until an answer is certain or the patience ends; 'unavailable' leaves it unknown.
 */
export async function publishStored(
  js: JetStreamClient,
  message: StoredPublish,
  patience: PublishPatience,
): Promise<Result<{ readonly duplicate: boolean; readonly sequence: number }, PublishTrouble>> {
  const clock = patience.clock ?? systemClock
  const until = clock.monotonic() + patience.budgetMs
  let trouble: PublishTrouble
  for (let waitMs = pauseMs.first; ; waitMs = Math.min(pauseMs.most, waitMs * 2)) {
    try {
      const ack = await js.publish(message.subject, message.payload, {
        msgID: message.messageId,
        timeout: patience.timeoutMs,
        // Sets its own members, so every try needs fresh ones.
        headers: headersOf(message.headers),
        ...(message.stream !== undefined && { expect: { streamName: message.stream } }),
      })
      // A replicated stream answers "duplicate" with sequence 0 while the first copy is proposed but not yet committed:
      // that copy can still be lost with its leader, so this is no acknowledgement.
      if (ack.seq > 0) return ok({ duplicate: ack.duplicate, sequence: ack.seq })
      trouble = { kind: 'unavailable', cause: new Error('stored by the leader, not yet committed') }
    } catch (cause) {
      trouble = classify(cause)
    }
    if (trouble.kind !== 'unavailable' || clock.monotonic() + waitMs >= until) return err(trouble)
    await delay(clock, waitMs)
  }
}

/** As publishStored, but an exception where there is no acknowledgement. */
export async function publishOrThrow(
  js: JetStreamClient,
  message: StoredPublish,
  patience: PublishPatience,
): Promise<{ readonly duplicate: boolean }> {
  const stored = await publishStored(js, message, patience)
  if (stored.ok) return stored.value
  throw new Error(`publish to ${message.subject}: ${stored.error.kind}`, { cause: stored.error.cause })
}

function classify(cause: unknown): PublishTrouble {
  if (cause instanceof JetStreamApiError) {
    if (isFull(cause)) return { kind: 'store-full', cause }
    if (refusedCodes.has(cause.code)) return { kind: 'refused', cause }
  }
  return { kind: 'unavailable', cause }
}

function headersOf(values: Readonly<Record<string, string>> | undefined): MsgHdrs {
  const result = newHeaders()
  for (const [name, value] of Object.entries(values ?? {})) result.set(name, value)
  return result
}
