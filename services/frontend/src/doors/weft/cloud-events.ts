import type { TriggerRecord } from '@weft/contracts'
import { type AwsError, awsError, busArn, defaultBusName, err, ok, type Result, triggerKeys } from '@weft/contracts'
import { type BusEvent, type BusPublisher, busEventOf, type CarriedMessage, readCloudEvents } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Collection } from '@weft/registry'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { Principal } from '../door.ts'

export interface CloudEventsDeps {
  readonly triggers: Pick<Collection<TriggerRecord>, 'get'>
  readonly publisher: BusPublisher
  readonly authorizer: Authorizer
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
}

export interface CloudEventsCall {
  readonly principal: Principal
  readonly bus: string
  readonly message: CarriedMessage
  readonly sourceIp?: string | undefined
}

const invalid = (message: string): Result<never, AwsError> => err(awsError('InvalidParameterValueException', message))

/**
 * Puts what a message carries onto a bus of the caller: one CloudEvent, or a batch of them. The answer are the ids that the
 * events have on the bus, once all are on disk; until then none counts as taken. Whoever sends the same again within two
 * minutes doubles nothing.
 */
export async function putCloudEvents(
  { triggers, publisher, authorizer, region, clock }: CloudEventsDeps,
  { principal, bus, message, sourceIp }: CloudEventsCall,
): Promise<Result<readonly string[], AwsError>> {
  const { accountId } = principal
  const refused = authorizer.authorize(principal, {
    action: 'events:PutEvents',
    resource: busArn(region, accountId, bus),
    context: { 'aws:sourceip': sourceIp },
  })
  if (refused) return err(refused)
  if (bus !== defaultBusName && triggers.get(triggerKeys.bus(accountId, bus))?.kind !== 'bus')
    return err(awsError('ResourceNotFoundException', `Event bus ${bus} does not exist.`))
  const read = readCloudEvents(message)
  if (!read.ok) return invalid(read.error)
  const events: BusEvent[] = []
  for (const one of read.value) {
    const event = busEventOf(one, { accountId, region, nowMs: clock.now() })
    if (!event.ok) return invalid(event.error)
    events.push(event.value)
  }
  const stored = await Promise.all(events.map((event) => publisher.put(accountId, bus, event)))
  const trouble = stored.find((one) => !one.ok)
  if (!trouble) return ok(events.map(({ id }) => id))
  const why = trouble.error === 'store-full' ? 'the event bus is full' : 'the event bus is not available'
  return err(awsError('ServiceUnavailableException', `The event was not accepted: ${why}.`, { retryAfterSeconds: 1 }))
}

/** Names of buses, as a path or a subject has them. */
export const isBusName = (name: string): boolean => /^[.\w-]{1,256}$/.test(name)
