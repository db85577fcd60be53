import type { JetStreamClient } from '@nats-io/jetstream'
import { type AccountId, err, headers, ok, parseJetStreamArn, subjects } from '@weft/contracts'
import { type DeadBatches, type DeadLetter, deadLetterHeaders, type EventTargets } from '@weft/delivery'
import type { NatsLink } from './link.ts'
import { type PublishPatience, publishOrThrow, publishStored, type StoredPublish } from './publish.ts'

/** Connections into the accounts of clients, where their streams live; kept open by whoever provides them. */
export interface AccountLinks {
  /** May read any stream through consumers. */
  reader(account: AccountId): Promise<NatsLink>
  /** May publish dead letters and what destinations get. */
  publisher(account: AccountId): Promise<NatsLink>
}

export const settlePatience: PublishPatience = { budgetMs: 4_000, timeoutMs: 2_000 }

/** Short: what a target does not take goes back to the queue and is offered again. */
const targetPatience: PublishPatience = { budgetMs: 500, timeoutMs: 2_000 }

/** The copy on the fabric's own dead stream. */
export const deadLetterMessage = (letter: DeadLetter): StoredPublish => ({
  subject: subjects.dead(letter.event.accountId, letter.event.functionName),
  payload: letter.event.payload,
  headers: deadLetterHeaders(letter),
  messageId: `dead-${letter.event.requestId}`,
})

/**
 * Publishes into the account's own streams. A target `subject/…` is published to as it stands; for `stream/NAME` and
 * `queue/NAME` the stream's first subject is used, its `*` and `>` replaced by the function's name. Either way a stream
 * must capture the message: a subject nobody stores is an error, because the message would be lost.
 */
export function natsTargets(links: AccountLinks): EventTargets {
  return {
    async send(targetArn, message) {
      const permanent = (reason: string) => err({ reason, permanent: true })
      const arn = parseJetStreamArn(targetArn)
      if (!arn.ok || arn.value.kind === 'bucket') return permanent(`${targetArn} is no JetStream stream or subject`)
      const { accountId, kind, name } = arn.value
      if (accountId !== message.accountId) return permanent(`${targetArn} belongs to another account`)
      try {
        let subject = name
        if (kind !== 'subject') {
          const { jsm } = await links.reader(accountId)
          const pattern = (await jsm.streams.info(name)).config.subjects?.[0]
          // Not permanent: the user may give it one, or make the stream that is missing.
          if (pattern === undefined)
            return err({ reason: `stream ${name} has no subject of its own`, permanent: false })
          subject = subjectIn(pattern, message.functionName)
        }
        const { js } = await links.publisher(accountId)
        const stored = await publishStored(
          js,
          {
            subject,
            payload: message.payload,
            headers: {
              ...message.headers,
              ...(message.traceHeader !== undefined && { [headers.traceId]: message.traceHeader }),
            },
            messageId: message.messageId,
            ...(kind !== 'subject' && { stream: name }),
          },
          targetPatience,
        )
        if (stored.ok) return ok(undefined)
        const { kind: trouble, cause } = stored.error
        return err({ reason: `${trouble}: ${messageOf(cause)}`, permanent: trouble === 'refused' })
      } catch (error) {
        return err({ reason: messageOf(error), permanent: false })
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

/** Keeps given-up records on the fabric's dead stream. */
export function natsDeadBatches(link: { readonly js: JetStreamClient }): DeadBatches {
  return {
    async keep({ accountId, functionName }, { payload, headers, messageId }) {
      const subject = subjects.dead(accountId, functionName)
      await publishOrThrow(link.js, { subject, payload, headers, messageId }, settlePatience)
    },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
