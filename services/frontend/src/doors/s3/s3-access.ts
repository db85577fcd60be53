import { err, ok, type Result } from '@weft/contracts'
import { denialText } from '@weft/policy'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { DoorRequest } from '../door.ts'
import { type S3Error, s3Error } from './errors.ts'
import type { S3Target } from './target.ts'

interface Access {
  readonly action: string
  readonly resource: string
}

/** What a request does, in the words of policies. Service authorization reference, Amazon S3. */
export function s3Access(method: string, { bucket, key, query }: S3Target): Access {
  if (bucket === undefined) return { action: 's3:ListAllMyBuckets', resource: 'arn:aws:s3:::*' }
  const resource = `arn:aws:s3:::${bucket}${key === undefined ? '' : `/${key}`}`
  if (key !== undefined) return { action: objectAction(method, query), resource }
  if (query.has('uploads')) return { action: 's3:ListBucketMultipartUploads', resource }
  if (method === 'GET' && query.has('location')) return { action: 's3:GetBucketLocation', resource }
  if (query.has('versions')) return { action: 's3:ListBucketVersions', resource }
  if (query.has('versioning'))
    return { action: method === 'GET' ? 's3:GetBucketVersioning' : 's3:PutBucketVersioning', resource }
  if (query.has('notification'))
    return { action: method === 'GET' ? 's3:GetBucketNotification' : 's3:PutBucketNotification', resource }
  return { action: bucketActions[method] ?? 's3:ListBucket', resource }
}

function objectAction(method: string, query: ReadonlyMap<string, string>): string {
  if (query.has('tagging')) return method === 'GET' ? 's3:GetObjectTagging' : 's3:PutObjectTagging'
  if (query.has('uploadId') && method === 'GET') return 's3:ListMultipartUploadParts'
  if (query.has('uploadId') && method === 'DELETE') return 's3:AbortMultipartUpload'
  const action = objectActions[method] ?? 's3:GetObject'
  // Versions are read and deleted by rights of their own.
  return query.has('versionId') && method !== 'PUT' ? `${action}Version` : action
}

const objectActions: Readonly<Record<string, string>> = {
  PUT: 's3:PutObject',
  POST: 's3:PutObject',
  DELETE: 's3:DeleteObject',
}
const bucketActions: Readonly<Record<string, string>> = { PUT: 's3:CreateBucket', DELETE: 's3:DeleteBucket' }

/** Errors: AccessDenied, in S3's words, which put the resource in quotation marks. */
export const authorizeS3 = (authorizer: Authorizer, request: DoorRequest, target: S3Target): Result<void, S3Error> =>
  // Keys of a batch are asked for one by one.
  isBatchDelete(request.method, target)
    ? ok(undefined)
    : authorize(authorizer, request, target, s3Access(request.method, target))

export const isBatchDelete = (method: string, { key, query }: S3Target): boolean =>
  method === 'POST' && key === undefined && query.has('delete')

/** A key that is not there is told only to who may list the bucket: others would learn which keys are. */
export const maskMissing = (authorizer: Authorizer, request: DoorRequest, target: S3Target): Result<void, S3Error> =>
  authorize(authorizer, request, target, { action: 's3:ListBucket', resource: `arn:aws:s3:::${target.bucket}` })

export function authorize(
  authorizer: Authorizer,
  request: DoorRequest,
  { query }: S3Target,
  { action, resource }: Access,
): Result<void, S3Error> {
  const decision = authorizer.decide(request.principal, {
    action,
    resource,
    context: {
      's3:prefix': query.get('prefix'),
      's3:delimiter': query.get('delimiter'),
      's3:max-keys': query.get('max-keys'),
      'aws:sourceip': request.sourceIp,
    },
  })
  if (decision.allowed) return ok(undefined)
  return err(s3Error('AccessDenied', denialText(request.principal.arn, action, `"${resource}"`, decision)))
}
