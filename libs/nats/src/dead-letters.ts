import type { JetStreamClient } from '@nats-io/jetstream'
import { type AccountId, err, ok, parseJetStreamArn, subjects } from '@weft/contracts'
import { type DeadBatches, type DeadLetter, type DeadLetterTargets, deadLetterHeaders } from '@weft/delivery'
import type { NatsLink } from './link.ts'
import { type PublishPatience, publishOrThrow, publishStored, type StoredPublish } from './publish.ts'

/** Connections into the accounts of clients, where their streams live; kept open by whoever provides them. */
export interface AccountLinks {
  /** May read any stream through consumers. */
  reader(account: AccountId): Promise<NatsLink>
  /** May publish dead letters. */
  publisher(account: AccountId): Promise<NatsLink>
}

export const settlePatience: PublishPatience = { budgetMs: 4_000, timeoutMs: 2_000 }

/** Short: a letter whose target fails goes back to the queue and is offered again. */
const targetPatience: PublishPatience = { budgetMs: 500, timeoutMs: 2_000 }

/** The copy on the fabric's own dead stream. */
export const deadLetterMessage = (letter: DeadLetter): StoredPublish => ({
  subject: subjects.dead(letter.event.accountId, letter.event.functionName),
  payload: letter.event.payload,
  headers: deadLetterHeaders(letter),
  messageId: `dead-${letter.event.requestId}`,
})

/**
 * Publishes dead letters into the account's own streams. A target `subject/…` is published to as it stands; for
 * `stream/NAME` the stream's first subject is used, its `*` and `>` replaced by the function's name. Either way a
 * stream must capture the message: a subject nobody stores is an error, because the letter would be lost.
 */
export function natsDeadLetterTargets(links: AccountLinks): DeadLetterTargets {
  return {
    async send(targetArn, letter) {
      const arn = parseJetStreamArn(targetArn)
      if (!arn.ok) return err(`${targetArn} is no JetStream stream or subject`)
      if (arn.value.accountId !== letter.event.accountId) return err(`${targetArn} belongs to another account`)
      try {
        let subject = arn.value.name
        if (arn.value.kind === 'stream') {
          const { jsm } = await links.reader(arn.value.accountId)
          const pattern = (await jsm.streams.info(arn.value.name)).config.subjects?.[0]
          if (pattern === undefined) return err(`stream ${arn.value.name} has no subject of its own`)
          subject = subjectIn(pattern, letter.event.functionName)
        }
        const message: StoredPublish = {
          ...deadLetterMessage(letter),
          subject,
          ...(arn.value.kind === 'stream' && { stream: arn.value.name }),
        }
        const { js } = await links.publisher(arn.value.accountId)
        const stored = await publishStored(js, message, targetPatience)
        return stored.ok ? ok(undefined) : err(`${stored.error.kind}: ${messageOf(stored.error.cause)}`)
      } catch (error) {
        return err(messageOf(error))
      }
    },
  }
}

/** A concrete subject that the pattern matches. */
export const subjectIn = (pattern: string, name: string): string =>
  pattern
    .split('.')
    .map((token) => (token === '*' || token === '>' ? name : token))
    .join('.')

/** Keeps given-up batches on the fabric's dead stream. */
export function natsDeadBatches(link: { readonly js: JetStreamClient }): DeadBatches {
  return {
    async keep(mapping, batch) {
      const { startSequenceNumber, endSequenceNumber } = batch.JetStreamBatchInfo
      await publishOrThrow(
        link.js,
        {
          subject: subjects.dead(mapping.accountId, mapping.functionName),
          payload: new TextEncoder().encode(JSON.stringify(batch)),
          headers: {
            RequestID: batch.requestContext.requestId,
            'Weft-Condition': batch.requestContext.condition,
            'Weft-Mapping': mapping.uuid,
          },
          messageId: `dead-${mapping.uuid}-${startSequenceNumber}-${endSequenceNumber}`,
        },
        settlePatience,
      )
    },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
