import {
  type AccountId,
  type BucketNotifications,
  err,
  type FunctionNotification,
  newRequestId,
  ok,
  parseFunctionRef,
  parseJetStreamArn,
  parseTopicArn,
  type Result,
  type TargetNotification,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'
import type { BusPublisher, EventAcceptor, NoticePublisher } from '@weft/delivery'
import type { Clock, Logger } from '@weft/platform'
import { serviceMayInvoke } from '@weft/policy'
import { type Catalogue, type Collection, resolveFunction } from '@weft/registry'
import type { DoorRequest } from '../../door.ts'
import { amend } from '../../json/amend.ts'
import { type S3Error, s3Error } from '../errors.ts'
import { type NotificationSettings, wants } from './configuration.ts'
import { type Happening, type ObjectChange, ownHappening } from './records.ts'
import { bucketMayPublish } from './topic-leave.ts'

export interface NotifierDeps {
  readonly triggers: Collection<TriggerRecord>
  readonly catalogue: Pick<Catalogue, 'function' | 'version' | 'alias'>
  readonly events: EventAcceptor
  readonly publisher: BusPublisher & NoticePublisher
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/** Tells functions, queues, topics and the event bus of changes in a bucket, as its notification configuration says. */
export class Notifier {
  readonly #deps: NotifierDeps

  constructor(deps: NotifierDeps) {
    this.#deps = deps
  }

  settings(account: AccountId, bucket: string): BucketNotifications | undefined {
    const record = this.#deps.triggers.get(triggerKeys.notifications(account, bucket))
    return record?.kind === 'notifications' ? record : undefined
  }

  /** Why somebody cannot be notified; AWS words all reasons alike. */
  refusal(account: AccountId, bucket: string, { functions, targets }: NotificationSettings): S3Error | undefined {
    const may =
      functions.every(({ functionArn }) => this.#function(account, bucket, functionArn)) &&
      targets.every(({ targetArn }) => this.#mayTell(account, bucket, targetArn))
    return may ? undefined : s3Error('InvalidArgument', 'Unable to validate the following destination configurations')
  }

  /** Stores a configuration, and tells its queues and topics that it is there, as S3 does. False when others keep changing it. */
  async store(account: AccountId, bucket: string, settings: NotificationSettings): Promise<boolean> {
    const put: BucketNotifications = { kind: 'notifications', accountId: account, bucket, ...settings }
    const done = await amend(this.#deps.triggers.store, triggerKeys.notifications(account, bucket), () => ({ put }))
    if (!done) return false
    const Time = new Date(this.#deps.clock.now()).toISOString()
    const id = newRequestId()
    const event = { Service: 'Amazon S3', Event: 's3:TestEvent', Time, Bucket: bucket, RequestId: id, HostId: id }
    const told = settings.targets.map((one) => this.#notify(account, bucket, one, `${id}-${one.id}`, event))
    return (await Promise.all(told)).every(Boolean)
  }

  /** False when others keep changing it. */
  forget(account: AccountId, bucket: string): Promise<boolean> {
    return amend(this.#deps.triggers.store, triggerKeys.notifications(account, bucket), () => 'remove')
  }

  /**
   * Tells of a change that a request has made. Resolves once everybody who wants to know will be told. The error: somebody
   * may not be; the change itself is done, and whoever made it and hears so makes it again.
   */
  async tell(account: AccountId, request: DoorRequest, change: ObjectChange): Promise<Result<void, S3Error>> {
    if (!this.settings(account, change.bucket)) return ok(undefined)
    const { region, clock } = this.#deps
    const told = await this.relay(account, ownHappening(request, change, { account, region, nowMs: clock.now() }))
    return told
      ? ok(undefined)
      : err(s3Error('ServiceUnavailable', 'The change is made, but not everybody could be told of it. Try again.'))
  }

  /** Tells of what happened somewhere, by the configuration of the bucket of that name. False: somebody may not be told. */
  async relay(account: AccountId, happening: Happening): Promise<boolean> {
    const { bucket, event, key, id } = happening
    const settings = this.settings(account, bucket)
    if (!settings) return true
    const payload = (one: { readonly id: string }) => ({ Records: [happening.record(one.id)] })
    const told = [
      ...settings.functions
        .filter((one) => wants(one, event, key))
        .map((one) => this.#call(account, bucket, one, `${id}-${one.id}`, payload(one))),
      ...(settings.targets ?? [])
        .filter((one) => wants(one, event, key))
        .map((one) => this.#notify(account, bucket, one, `${id}-${one.id}`, payload(one))),
    ]
    if (settings.eventBridge)
      told.push(this.#deps.publisher.put(account, 'default', happening.busEvent()).then((put) => put.ok))
    return (await Promise.all(told)).every(Boolean)
  }

  async #call(
    account: AccountId,
    bucket: string,
    { functionArn }: FunctionNotification,
    deduplicationId: string,
    payload: object,
  ): Promise<boolean> {
    const { events, clock, log } = this.#deps
    const target = this.#function(account, bucket, functionArn)
    if (!target) {
      log.warn({ bucket, function: functionArn }, 'a function may no longer be told of its bucket')
      return true
    }
    const accepted = await events.accept({
      ...{ requestId: newRequestId(), deduplicationId, accountId: account, ...target, acceptedAtMs: clock.now() },
      payload: new TextEncoder().encode(JSON.stringify(payload)),
    })
    return accepted.ok
  }

  async #notify(
    account: AccountId,
    bucket: string,
    { id: configurationId, targetArn }: TargetNotification,
    id: string,
    payload: object,
  ): Promise<boolean> {
    if (!this.#mayTell(account, bucket, targetArn)) {
      this.#deps.log.warn({ bucket, target: targetArn }, 'a queue or topic may no longer be told of its bucket')
      return true
    }
    const notice = { id, configurationId, targetArn, payload: JSON.stringify(payload) }
    return (await this.#deps.publisher.notify(account, bucket, notice)).ok
  }

  /** The function, when it is there and its policy lets S3 call it for this bucket. */
  #function(account: AccountId, bucket: string, arn: string) {
    const { catalogue, region } = this.#deps
    const ref = parseFunctionRef(arn)
    if (!ref.ok || ref.value.accountId !== account) return undefined
    const resolved = resolveFunction(catalogue, { accountId: account, region }, arn)
    if (!resolved.ok) return undefined
    const { functionName, qualifier } = ref.value
    const only = qualifier === undefined ? {} : { qualifier }
    const call = { service: 's3.amazonaws.com', sourceArn: `arn:aws:s3:::${bucket}`, sourceAccount: account, ...only }
    return serviceMayInvoke(resolved.value.record, call) ? { functionName, ...only } : undefined
  }

  /** A topic that is there and whose policy lets S3 publish for this bucket; or a stream, queue or subject of the account. */
  #mayTell(account: AccountId, bucket: string, arn: string): boolean {
    const { triggers, region } = this.#deps
    const named = parseTopicArn(arn)
    if (named) {
      if (named.accountId !== account || named.region !== region || named.subscriptionId !== undefined) return false
      const topic = triggers.get(triggerKeys.topic(account, named.name))
      return topic?.kind === 'topic' && bucketMayPublish(topic, arn, bucket)
    }
    const place = parseJetStreamArn(arn)
    return (
      place.ok && place.value.kind !== 'bucket' && place.value.accountId === account && place.value.region === region
    )
  }
}
