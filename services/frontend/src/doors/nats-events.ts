import type { AwsError } from '@weft/contracts'
import { accountId, awsError, err, isAccountId, newRequestId, ok, type Result } from '@weft/contracts'
import type { BusReply, BusRequest } from '@weft/nats'
import { type Logger, withSpan } from '@weft/platform'
import { natsRefusal } from './nats-invoke.ts'
import { type BucketEventsDeps, takeBucketEvents } from './weft/bucket-events.ts'
import { type CloudEventsDeps, isBusName, putCloudEvents } from './weft/cloud-events.ts'

export interface NatsEventsDeps {
  readonly events: CloudEventsDeps
  readonly bucketEvents: BucketEventsDeps
  readonly log: Logger
}

/** No function has such a name. */
const tokens = ['$events', '$buckets']

/**
 * Whether a message on the subjects of `invoke` is no call: `weft.invoke.<account>.$events.<bus>` or
 * `weft.invoke.<account>.$buckets`.
 */
export const isEvent = (subject: string): boolean => tokens.includes(subject.split('.')[3] ?? '')

/**
 * The door for CloudEvents over NATS: headers `ce-…` and the data, or structured, on `weft.invoke.<account>.$events.<bus>`.
 * The answer, `{"EventIds": […]}`, comes when they are on disk; and for what other S3 stores tell of their buckets, on
 * `weft.invoke.<account>.$buckets`; who sends without asking for one learns nothing of refusals.
 * The subject's account is the caller, as the server has seen to. Never rejects.
 */
export const natsEventsDoor =
  (deps: NatsEventsDeps) =>
  async (request: BusRequest): Promise<BusReply> => {
    const { log } = deps
    const requestId = newRequestId()
    try {
      const attributes = { 'messaging.system': 'nats', 'weft.request_id': requestId }
      const options = { kind: 'server', parent: request.header('traceparent'), attributes } as const
      return await withSpan('nats events', options, async (span) => {
        const put = await take(deps, request)
        if (!put.ok) {
          span.fail(put.error.code)
          if (!request.wantsReply)
            log.warn({ subject: request.subject, error: put.error.message }, 'an event was refused')
          return natsRefusal(put.error, requestId)
        }
        return { payload: Buffer.from(JSON.stringify(put.value)), headers: {} }
      })
    } catch (error) {
      log.error({ err: error, requestId, subject: request.subject }, 'an event over NATS failed')
      return natsRefusal(awsError('ServiceException', 'Internal service error.'), requestId)
    }
  }

async function take(
  { events, bucketEvents }: NatsEventsDeps,
  { subject, headers, payload }: BusRequest,
): Promise<Result<object, AwsError>> {
  const [, , account = '', kind, ...rest] = subject.split('.')
  const bus = rest.join('.')
  const wellFormed = isAccountId(account) && (kind === '$events' ? isBusName(bus) : rest.length === 0)
  if (!wellFormed) return err(awsError('ResourceNotFoundException', `${subject} leads to no event bus.`))
  const id = accountId(account)
  const principal = { accountId: id, arn: `arn:aws:iam::${id}:root`, keyId: `nats ${id}` }
  if (kind === '$buckets') {
    const taken = await takeBucketEvents(bucketEvents, { principal, body: payload })
    return taken.ok ? ok({}) : taken
  }
  const put = await putCloudEvents(events, { principal, bus, message: { headers: headers(), payload } })
  return put.ok ? ok({ EventIds: put.value }) : put
}
