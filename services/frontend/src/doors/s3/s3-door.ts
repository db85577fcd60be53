import { type AccountId, awsError, err, ok, type Result } from '@weft/contracts'
import { type ObjectStore, StoreFull } from '@weft/nats'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor, DoorRequest } from '../door.ts'
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  headBucket,
  listBuckets,
  listObjectsV2,
  type S3Result,
  xml,
} from './buckets.ts'
import { deleteObjects } from './delete-objects.ts'
import { errorResponse, fromAwsError, type S3Error, s3Error } from './errors.ts'
import { abortUpload, completeUpload, createUpload, listParts, listUploads, uploadPart } from './multipart.ts'
import type { Notifier } from './notifications/notifier.ts'
import { getNotifications, putNotifications } from './notifications/operations.ts'
import { deleteObject, getObject, putObject } from './objects.ts'
import { authorize, authorizeS3, maskMissing } from './s3-access.ts'
import { readTarget, type S3Target } from './target.ts'
import { getVersioning, listVersions, putVersioning } from './versions.ts'

export interface S3Call {
  readonly store: ObjectStore
  readonly account: AccountId
  readonly region: string
  readonly request: DoorRequest
  readonly query: ReadonlyMap<string, string>
  readonly notifier: Notifier
  /** Asks the caller's policies for something else than what the request is as a whole. */
  readonly may: (action: string, resource: string) => Result<void, S3Error>
}

/** One request is held in memory while it is checked; larger objects come in parts. */
export const largestObjectBytes = 64 * 1024 * 1024

/** Queries that ask for nothing of their own: presigned signatures, and the operation's name that SDKs add. */
const plainQuery =
  /^(x-id|X-Amz-.*|list-type|location|prefix|delimiter|max-keys|start-after|continuation-token|encoding-type|fetch-owner|notification|uploads|uploadId|partNumber|part-number-marker|max-parts|key-marker|upload-id-marker|max-uploads|delete|tagging|versioning|versions|versionId|version-id-marker)$/

export interface S3DoorDeps {
  readonly store: ObjectStore
  readonly authorizer: Authorizer
  readonly region: string
  readonly notifier: Notifier
}

/** S3-shaped buckets of the caller's account, path-style. */
export function s3Door(deps: S3DoorDeps): AwsDoor {
  return {
    service: 's3',
    bodyLimit: () => ({
      limitBytes: largestObjectBytes,
      tooLarge: () =>
        awsError(
          'RequestEntityTooLargeException',
          `Your proposed upload exceeds the maximum allowed size of one request, ${largestObjectBytes} bytes. Upload larger objects in parts.`,
        ),
    }),
    refuse: (error, head) => errorResponse(fromAwsError(error), head),
    async handle(request) {
      const target = readTarget(request)
      if (!target.ok) return errorResponse(target.error, request)
      const allowed = authorizeS3(deps.authorizer, request, target.value)
      if (!allowed.ok) return errorResponse(allowed.error, request)
      const call: S3Call = {
        store: deps.store,
        region: deps.region,
        account: request.principal.accountId,
        request,
        query: target.value.query,
        notifier: deps.notifier,
        may: (action, resource) => authorize(deps.authorizer, request, target.value, { action, resource }),
      }
      const result = await unlessFull(route(call, target.value))
      if (!result.ok) {
        const masked = result.error.code === 'NoSuchKey' ? maskMissing(deps.authorizer, request, target.value) : result
        return errorResponse(masked.ok ? result.error : masked.error, request)
      }
      return { ...result.value, headers: { ...result.value.headers, 'x-amz-request-id': request.requestId } }
    },
  }
}

async function route(call: S3Call, { bucket, key, query }: S3Target): S3Result {
  // A subresource that is not known must not be taken for the resource itself.
  if ([...query.keys()].some((name) => !plainQuery.test(name))) return err(s3Error('NotImplemented'))
  const { method } = call.request
  if (bucket === undefined) return method === 'GET' ? listBuckets(call) : err(s3Error('MethodNotAllowed'))
  if (key !== undefined) return routeObject(call, bucket, key)
  if (query.has('delete')) return method === 'POST' ? deleteObjects(call, bucket) : err(s3Error('MethodNotAllowed'))
  if (query.has('uploads')) return method === 'GET' ? listUploads(call, bucket) : err(s3Error('MethodNotAllowed'))
  if (query.has('versioning')) {
    if (method === 'PUT') return putVersioning(call, bucket)
    return method === 'GET' ? getVersioning(call, bucket) : err(s3Error('MethodNotAllowed'))
  }
  if (query.has('versions')) return method === 'GET' ? listVersions(call, bucket) : err(s3Error('MethodNotAllowed'))
  if (query.has('notification')) {
    if (method === 'PUT') return putNotifications(call, bucket)
    return method === 'GET' ? getNotifications(call, bucket) : err(s3Error('MethodNotAllowed'))
  }
  if (method === 'PUT') return createBucket(call, bucket)
  if (method === 'HEAD') return headBucket(call, bucket)
  if (method === 'DELETE') return deleteBucket(call, bucket)
  if (method !== 'GET') return err(s3Error('MethodNotAllowed'))
  if (query.has('location')) return getBucketLocation(call, bucket)
  if (query.get('list-type') === '2') return listObjectsV2(call, bucket)
  return err(s3Error('NotImplemented', 'Only version 2 of listing objects is served.'))
}

async function routeObject(call: S3Call, bucket: string, key: string): S3Result {
  const { query, request } = call
  const { method } = request
  if (query.has('uploads'))
    return method === 'POST' ? createUpload(call, bucket, key) : err(s3Error('MethodNotAllowed'))
  if (query.has('uploadId')) {
    if (method === 'PUT') return uploadPart(call, bucket, key)
    if (method === 'POST') return completeUpload(call, bucket, key)
    if (method === 'DELETE') return abortUpload(call, bucket, key)
    return method === 'GET' ? listParts(call, bucket, key) : err(s3Error('MethodNotAllowed'))
  }
  if (query.has('partNumber')) return err(s3Error('NotImplemented', 'Objects are read whole or by ranges of bytes.'))
  // Copies of large objects ask for them; there are none.
  if (query.has('tagging'))
    return method === 'GET'
      ? ok(xml('Tagging', { TagSet: {} }))
      : err(s3Error('NotImplemented', 'Objects have no tags.'))
  if (method === 'PUT') return putObject(call, bucket, key)
  if (method === 'GET' || method === 'HEAD') return getObject(call, bucket, key)
  return method === 'DELETE' ? deleteObject(call, bucket, key) : err(s3Error('MethodNotAllowed'))
}

/** A store without room is told apart from a failure: the client may try again, or make room. */
const unlessFull = (result: S3Result): S3Result =>
  result.catch((error: unknown) => {
    if (error instanceof StoreFull) return err(s3Error('ServiceUnavailable', 'The store is full. Try again.'))
    throw error
  })
