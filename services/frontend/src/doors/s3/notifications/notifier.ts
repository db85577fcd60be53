import { randomUUID } from 'node:crypto'
import {
  type AccountId,
  type BucketNotifications,
  err,
  type FunctionNotification,
  newRequestId,
  ok,
  parseFunctionRef,
  type Result,
  type TriggerRecord,
  triggerKeys,
} from '@weft/contracts'
import { type BusPublisher, type EventAcceptor, eventTime } from '@weft/delivery'
import type { ObjectInfo } from '@weft/nats'
import type { Clock, Logger } from '@weft/platform'
import { serviceMayInvoke } from '@weft/policy'
import { type Catalogue, type Collection, resolveFunction } from '@weft/registry'
import type { DoorRequest } from '../../door.ts'
import { amend } from '../../json/amend.ts'
import { type S3Error, s3Error } from '../errors.ts'
import { wants } from './configuration.ts'

export interface NotifierDeps {
  readonly triggers: Collection<TriggerRecord>
  readonly catalogue: Pick<Catalogue, 'function' | 'version' | 'alias'>
  readonly events: EventAcceptor
  readonly publisher: BusPublisher
  readonly region: string
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/** EventBridge: the operation that made the event. */
const reasons: Readonly<Record<string, string>> = {
  ...{ Put: 'PutObject', Copy: 'CopyObject', CompleteMultipartUpload: 'CompleteMultipartUpload' },
  Delete: 'DeleteObject',
}

/** What has happened to an object. */
export interface ObjectChange {
  readonly bucket: string
  readonly key: string
  /** `s3:ObjectCreated:Put` and its kin. */
  readonly event: string
  /** Absent: it was removed. */
  readonly object?: ObjectInfo
}

/** Tells functions and the event bus of changes in a bucket, as its notification configuration says. */
export class Notifier {
  readonly #deps: NotifierDeps

  constructor(deps: NotifierDeps) {
    this.#deps = deps
  }

  settings(account: AccountId, bucket: string): BucketNotifications | undefined {
    const record = this.#deps.triggers.get(triggerKeys.notifications(account, bucket))
    return record?.kind === 'notifications' ? record : undefined
  }

  /** Why a function cannot be notified; AWS words all reasons alike. */
  refusal(account: AccountId, bucket: string, { functionArn }: FunctionNotification): S3Error | undefined {
    return this.#target(account, bucket, functionArn)
      ? undefined
      : s3Error('InvalidArgument', 'Unable to validate the following destination configurations')
  }

  /** False when others keep changing it. */
  store(account: AccountId, bucket: string, settings: Pick<BucketNotifications, 'functions' | 'eventBridge'>) {
    const put: BucketNotifications = { kind: 'notifications', accountId: account, bucket, ...settings }
    return amend(this.#deps.triggers.store, triggerKeys.notifications(account, bucket), () => ({ put }))
  }

  /** False when others keep changing it. */
  forget(account: AccountId, bucket: string): Promise<boolean> {
    return amend(this.#deps.triggers.store, triggerKeys.notifications(account, bucket), () => 'remove')
  }

  /**
   * Resolves once everybody who wants to know will be told. The error: somebody may not be; the change itself is done, and
   * whoever made it and hears so makes it again.
   */
  async tell(account: AccountId, request: DoorRequest, change: ObjectChange): Promise<Result<void, S3Error>> {
    const settings = this.settings(account, change.bucket)
    if (!settings) return ok(undefined)
    const { event } = change
    const told = settings.functions
      .filter((one) => wants(one, event, change.key))
      .map((one) => this.#call(account, request, change, one, event.slice('s3:'.length)))
    if (settings.eventBridge) told.push(this.#publish(account, request, change))
    const results = await Promise.all(told)
    return results.every((done) => done)
      ? ok(undefined)
      : err(s3Error('ServiceUnavailable', 'The change is made, but not everybody could be told of it. Try again.'))
  }

  async #call(
    account: AccountId,
    request: DoorRequest,
    change: ObjectChange,
    one: FunctionNotification,
    eventName: string,
  ): Promise<boolean> {
    const { events, clock, log } = this.#deps
    const target = this.#target(account, change.bucket, one.functionArn)
    if (!target) {
      log.warn({ bucket: change.bucket, function: one.functionArn }, 'a function may no longer be told of its bucket')
      return true
    }
    const accepted = await events.accept({
      ...{ requestId: newRequestId(), accountId: account, ...target, acceptedAtMs: clock.now() },
      payload: new TextEncoder().encode(
        JSON.stringify({ Records: [this.#record(account, request, change, one, eventName)] }),
      ),
    })
    return accepted.ok
  }

  /** The function, when it is there and its policy lets S3 call it for this bucket. */
  #target(account: AccountId, bucket: string, arn: string) {
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

  /** S3 user guide, "Event message structure", version 2.1. */
  #record(
    account: AccountId,
    request: DoorRequest,
    change: ObjectChange,
    one: FunctionNotification,
    eventName: string,
  ) {
    const { bucket, key, object } = change
    const nowMs = this.#deps.clock.now()
    return {
      ...{ eventVersion: '2.1', eventSource: 'aws:s3', awsRegion: this.#deps.region, eventName },
      eventTime: new Date(object?.lastModifiedMs ?? nowMs).toISOString(),
      userIdentity: { principalId: `AWS:${request.principal.arn}` },
      requestParameters: { sourceIPAddress: request.sourceIp ?? '' },
      responseElements: { 'x-amz-request-id': request.requestId, 'x-amz-id-2': request.requestId },
      s3: {
        ...{ s3SchemaVersion: '1.0', configurationId: one.id },
        bucket: { name: bucket, ownerIdentity: { principalId: account }, arn: `arn:aws:s3:::${bucket}` },
        object: {
          // As forms encode it, a space as a plus.
          key: new URLSearchParams([['', key]]).toString().slice(1).replaceAll('%2F', '/'),
          ...(object && { size: object.sizeBytes, eTag: object.etag }),
          sequencer: (object?.lastModifiedMs ?? nowMs).toString(16).toUpperCase().padStart(16, '0'),
        },
      },
    }
  }

  async #publish(
    account: AccountId,
    request: DoorRequest,
    { bucket, key, event, object }: ObjectChange,
  ): Promise<boolean> {
    const nowMs = this.#deps.clock.now()
    const put = await this.#deps.publisher.put(account, 'default', {
      ...{
        version: '0',
        id: randomUUID(),
        'detail-type': object ? 'Object Created' : 'Object Deleted',
        source: 'aws.s3',
      },
      ...{ account, time: eventTime(nowMs), region: this.#deps.region, resources: [`arn:aws:s3:::${bucket}`] },
      detail: {
        version: '0',
        bucket: { name: bucket },
        object: {
          key,
          ...(object && { size: object.sizeBytes, etag: object.etag }),
          sequencer: (object?.lastModifiedMs ?? nowMs).toString(16).toUpperCase().padStart(16, '0'),
        },
        ...{ 'request-id': request.requestId, requester: account, 'source-ip-address': request.sourceIp ?? '' },
        reason: reasons[event.split(':').at(-1) ?? ''],
        ...(!object && { 'deletion-type': 'Permanently Deleted' }),
      },
    })
    return put.ok
  }
}
