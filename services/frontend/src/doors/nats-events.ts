import type { AwsError } from '@weft/contracts'
import { accountId, awsError, err, isAccountId, newRequestId, type Result } from '@weft/contracts'
import type { BusReply, BusRequest } from '@weft/nats'
import { type Logger, withSpan } from '@weft/platform'
import { natsRefusal } from './nats-invoke.ts'
import { type CloudEventsDeps, isBusName, putCloudEvents } from './weft/cloud-events.ts'

export interface NatsEventsDeps {
  readonly events: CloudEventsDeps
  readonly log: Logger
}

/** No function has such a name. */
const eventsToken = '$events'

/** Whether a message on the subjects of `invoke` is for a bus, and no function: `weft.invoke.<account>.$events.<bus>`. */
export const isForBus = (subject: string): boolean => subject.split('.')[3] === eventsToken

/**
 * The door for CloudEvents over NATS: headers `ce-…` and the data, or structured, on `weft.invoke.<account>.$events.<bus>`.
 * The answer, `{"EventIds": […]}`, comes when they are on disk; who sends without asking for one learns nothing of refusals.
 * The subject's account is the caller, as the server has seen to. Never rejects.
 */
export const natsEventsDoor =
  ({ events, log }: NatsEventsDeps) =>
  async (request: BusRequest): Promise<BusReply> => {
    const requestId = newRequestId()
    try {
      const attributes = { 'messaging.system': 'nats', 'weft.request_id': requestId }
      const options = { kind: 'server', parent: request.header('traceparent'), attributes } as const
      return await withSpan('nats events', options, async (span) => {
        const put = await take(events, request)
        if (!put.ok) {
          span.fail(put.error.code)
          if (!request.wantsReply)
            log.warn({ subject: request.subject, error: put.error.message }, 'an event was refused')
          return natsRefusal(put.error, requestId)
        }
        return { payload: Buffer.from(JSON.stringify({ EventIds: put.value })), headers: {} }
      })
    } catch (error) {
      log.error({ err: error, requestId, subject: request.subject }, 'an event over NATS failed')
      return natsRefusal(awsError('ServiceException', 'Internal service error.'), requestId)
    }
  }

function take(
  events: CloudEventsDeps,
  { subject, headers, payload }: BusRequest,
): Promise<Result<readonly string[], AwsError>> {
  const [, , account = '', , ...rest] = subject.split('.')
  const bus = rest.join('.')
  if (!isAccountId(account) || !isBusName(bus))
    return Promise.resolve(err(awsError('ResourceNotFoundException', `Event bus ${bus} does not exist.`)))
  const id = accountId(account)
  const principal = { accountId: id, arn: `arn:aws:iam::${id}:root`, keyId: `nats ${id}` }
  return putCloudEvents(events, { principal, bus, message: { headers: headers(), payload } })
}
