import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import { type ClaimedSignature, fromStamp, readAuthorization, type SignedHead, toStamp } from './authorization.ts'
import { canonicalRequest } from './canonical.ts'
import { chunksAreSigned } from './chunk-signatures.ts'
import { SigningKeys } from './signing-keys.ts'

/** Clock skew that AWS allows, each way. */
const skewMs = 15 * 60_000

export interface SignedRequest extends SignedHead {
  readonly body: Uint8Array
}

export interface KeyOwner {
  readonly secretAccessKey: string
}

/** Finds the secret of a key, with whatever the caller wants to know about its owner. */
export type KeyLookup<Owner extends KeyOwner> = (
  accessKeyId: string,
  sessionToken: string | undefined,
) => Result<Owner, AwsError>

export interface VerifyOptions {
  /** The region this fabric answers as. */
  readonly region: string
  /** Services served here. */
  readonly services: readonly string[]
  /** Those of them that AWS has in one place only, whose requests are signed for `us-east-1` wherever they come from. */
  readonly globalServices?: readonly string[]
  readonly signingKeys?: SigningKeys
}

export interface Verified<Owner extends KeyOwner> {
  readonly accessKeyId: string
  readonly service: string
  readonly region: string
  readonly owner: Owner
}

/** A signature whose every part but the body has been checked. */
export interface OpenedSignature<Owner extends KeyOwner> {
  readonly service: string
  /** Checks the signature itself, body included. */
  verify(body: Uint8Array): Result<Verified<Owner>, AwsError>
}

const invalid = (message: string): Result<never, AwsError> => err(awsError('InvalidSignatureException', message))

const mismatch = invalid(
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
)

/** The refusal of a key that does not exist or is not active. */
export const unknownKey: AwsError = awsError(
  'UnrecognizedClientException',
  'The security token included in the request is invalid.',
)

/**
 * Verifies a request signed with AWS Signature Version 4, in the Authorization header or presigned. `nowMs`: epoch ms.
 * Errors: MissingAuthenticationToken, IncompleteSignature, UnrecognizedClient, ExpiredToken, InvalidSignature (all 403).
 */
export function verifySigV4<Owner extends KeyOwner>(
  request: SignedRequest,
  lookup: KeyLookup<Owner>,
  nowMs: number,
  options: VerifyOptions,
): Result<Verified<Owner>, AwsError> {
  const opened = openSignature(request, lookup, nowMs, options)
  return opened.ok ? opened.value.verify(request.body) : opened
}

/** The part of `verifySigV4` that needs no body: a stranger is refused before a body is read for him. */
export function openSignature<Owner extends KeyOwner>(
  head: SignedHead,
  lookup: KeyLookup<Owner>,
  nowMs: number,
  options: VerifyOptions,
): Result<OpenedSignature<Owner>, AwsError> {
  const claimed = readAuthorization(head)
  if (!claimed.ok) return claimed
  const misuse = checkScope(claimed.value, options) ?? checkSignedHeaders(head, claimed.value)
  if (misuse) return misuse
  const owner = lookup(claimed.value.accessKeyId, claimed.value.sessionToken)
  if (!owner.ok) return owner
  const late = checkTime(claimed.value, nowMs)
  if (late) return late
  const keys = options.signingKeys ?? new SigningKeys()
  return ok({
    service: claimed.value.service,
    verify: (body) => {
      const bodyHash = payloadHash(head, claimed.value, body)
      if (!bodyHash.ok) return bodyHash
      const canonical = canonicalRequest(head, claimed.value, bodyHash.value)
      if (canonical === undefined) return mismatch
      const key = keys.get(claimed.value, owner.value.secretAccessKey)
      if (!signatureMatches(claimed.value, canonical, key)) return mismatch
      if (isSignedStream(bodyHash.value)) {
        const signing = {
          key,
          stamp: claimed.value.stamp,
          scope: scopeText(claimed.value),
          seed: claimed.value.signature,
        }
        if (!chunksAreSigned(body, signing, bodyHash.value.endsWith('-TRAILER'))) return mismatch
      }
      const { accessKeyId, service, region } = claimed.value
      return ok({ accessKeyId, service, region, owner: owner.value })
    },
  })
}

function checkScope(claimed: ClaimedSignature, options: VerifyOptions): Result<never, AwsError> | undefined {
  if (claimed.terminator !== 'aws4_request')
    return invalid(`Credential should be scoped with a valid terminator: 'aws4_request', not '${claimed.terminator}'.`)
  if (!options.services.includes(claimed.service))
    return invalid(`Credential should be scoped to correct service: '${options.services.join("', '")}'.`)
  const global = claimed.region === 'us-east-1' && options.globalServices?.includes(claimed.service)
  if (claimed.region !== options.region && !global)
    return invalid(`Credential should be scoped to a valid region, not '${claimed.region}'.`)
  const day = claimed.stamp.slice(0, 8)
  if (claimed.date !== day)
    return invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claimed.date}' != '${day}', from '${claimed.stamp}'.`,
    )
  return undefined
}

/** What decides about a request must be under its signature: host, date and every x-amz- header. */
function checkSignedHeaders(head: SignedHead, claimed: ClaimedSignature): Result<never, AwsError> | undefined {
  if (!claimed.signedHeaders.includes('host'))
    return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  const unsigned = Object.keys(head.headers).filter(
    (name) => name.startsWith('x-amz-') && !claimed.signedHeaders.includes(name),
  )
  if (claimed.expiresSeconds === undefined && head.headers['x-amz-date'] === undefined)
    if (!claimed.signedHeaders.includes('date')) unsigned.push('date')
  if (unsigned.length > 0)
    return invalid(`There were headers present in the request which were not signed: ${unsigned.join(', ')}`)
  return undefined
}

function checkTime(claimed: ClaimedSignature, nowMs: number): Result<never, AwsError> | undefined {
  const at = fromStamp(claimed.stamp)
  if (Number.isNaN(at)) return invalid(`'${claimed.stamp}' is not a date.`)
  if (at > nowMs + skewMs)
    return invalid(
      `Signature not yet current: ${claimed.stamp} is still later than ${toStamp(nowMs + skewMs)} (${toStamp(nowMs)} + 15 min.)`,
    )
  if (claimed.expiresSeconds !== undefined) {
    const until = at + claimed.expiresSeconds * 1000
    return nowMs > until
      ? invalid(`Signature expired: ${toStamp(until)} is now earlier than ${toStamp(nowMs)}`)
      : undefined
  }
  if (at < nowMs - skewMs)
    return invalid(
      `Signature expired: ${claimed.stamp} is now earlier than ${toStamp(nowMs - skewMs)} (${toStamp(nowMs)} - 15 min.)`,
    )
  return undefined
}

const unsignedPayload = 'UNSIGNED-PAYLOAD'

/** The body comes in chunks that each have a signature of their own. */
const isSignedStream = (stated: string): boolean =>
  stated === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' || stated === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'

function payloadHash(head: SignedHead, claimed: ClaimedSignature, body: Uint8Array): Result<string, AwsError> {
  const stated = head.headers['x-amz-content-sha256']
  const isS3 = claimed.service === 's3'
  if (isS3 && (stated === unsignedPayload || stated === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')) return ok(stated)
  if (isS3 && stated !== undefined && isSignedStream(stated)) return ok(stated)
  if (isS3 && stated === undefined && claimed.expiresSeconds !== undefined) return ok(unsignedPayload)
  const actual = hash('sha256', body, 'hex')
  if (stated === undefined || stated === actual) return ok(actual)
  return invalid("The provided 'x-amz-content-sha256' header does not match what was computed.")
}

const scopeText = (claimed: ClaimedSignature): string =>
  `${claimed.date}/${claimed.region}/${claimed.service}/aws4_request`

function signatureMatches(claimed: ClaimedSignature, canonical: string, key: KeyObject): boolean {
  if (!/^[0-9a-f]{64}$/.test(claimed.signature)) return false
  const digest = hash('sha256', canonical, 'hex')
  const expected = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${claimed.stamp}\n${scopeText(claimed)}\n${digest}`)
    .digest()
  return timingSafeEqual(expected, Buffer.from(claimed.signature, 'hex'))
}
