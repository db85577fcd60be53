import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import { parseQuery } from '../percent.ts'

export interface SignedHead {
  readonly method: string
  /** As sent, percent-encoded, without the query. */
  readonly rawPath: string
  /** As sent, without `?`. */
  readonly rawQuery: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** What a request says about its signature, in the header or in a presigned query. */
export interface ClaimedSignature {
  readonly accessKeyId: string
  /** The parts of the credential scope. */
  readonly date: string
  readonly region: string
  readonly service: string
  readonly terminator: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `20150830T123600Z`. */
  readonly stamp: string
  readonly sessionToken?: string
  /** Seconds that a presigned request is good for; absent for a signature in the header. */
  readonly expiresSeconds?: number
}

const algorithm = 'AWS4-HMAC-SHA256'
const stampPattern = /^\d{8}T\d{6}Z$/
/** AWS: a presigned request lives a week at most. */
const longestExpirySeconds = 604_800

const incomplete = (message: string): Result<never, AwsError> => err(awsError('IncompleteSignatureException', message))

export const missingToken: AwsError = awsError('MissingAuthenticationTokenException', 'Missing Authentication Token')

/** Finds the claimed signature of a request. Nothing of it is verified yet. */
export function readAuthorization(head: SignedHead): Result<ClaimedSignature, AwsError> {
  const authorization = head.headers.authorization
  if (authorization !== undefined && authorization.trim() !== '') return fromHeader(head, authorization.trim())
  if (head.rawQuery.includes('X-Amz-Signature=')) return fromQuery(head)
  return err(missingToken)
}

/** The service a request claims to be for, to choose who words a refusal; undefined when it claims none. */
export function claimedService(head: SignedHead): string | undefined {
  const scope = /Credential=[^/,\s]*\/\d{8}\/[^/,\s]*\/([a-z0-9-]+)\//.exec(head.headers.authorization ?? '')
  const query = /(?:^|&)X-Amz-Credential=[^&]*?(?:%2F|\/)([a-z0-9-]+)(?:%2F|\/)aws4_request/i.exec(head.rawQuery)
  return scope?.[1] ?? query?.[1]
}

function fromHeader(head: SignedHead, authorization: string): Result<ClaimedSignature, AwsError> {
  const space = authorization.indexOf(' ')
  const scheme = space < 0 ? authorization : authorization.slice(0, space)
  if (!scheme.startsWith('AWS4-'))
    return incomplete(
      `'${scheme}' not a valid key=value pair (missing equal-sign) in Authorization header: '${shorten(authorization)}'.`,
    )
  if (scheme !== algorithm) return incomplete(`Unsupported AWS 'algorithm': '${scheme}'.`)
  const fields = new Map<string, string>()
  for (const item of authorization.slice(space + 1).split(',')) {
    const text = item.trim()
    const at = text.indexOf('=')
    if (at < 0)
      return incomplete(
        `'${shorten(text)}' not a valid key=value pair (missing equal-sign) in Authorization header: '${shorten(authorization)}'.`,
      )
    const name = text.slice(0, at)
    if (fields.has(name)) return incomplete(`Authorization header repeats '${shorten(name)}'.`)
    fields.set(name, text.slice(at + 1))
  }
  const credential = fields.get('Credential')
  const signature = fields.get('Signature')
  const signedHeaders = fields.get('SignedHeaders')
  const stamp = stampOf(head)
  const lacking = [
    ...(credential ? [] : ["Authorization header requires 'Credential' parameter."]),
    ...(signature ? [] : ["Authorization header requires 'Signature' parameter."]),
    ...(signedHeaders ? [] : ["Authorization header requires 'SignedHeaders' parameter."]),
    ...(stamp ? [] : ["Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."]),
  ]
  if (!credential || !signature || !signedHeaders || !stamp)
    return incomplete(`${lacking.join(' ')} Authorization=${shorten(authorization.slice(0, space))}`)
  const token = head.headers['x-amz-security-token']
  return claim({ credential, signature, signedHeaders, stamp, ...(token !== undefined && { token }) })
}

function fromQuery(head: SignedHead): Result<ClaimedSignature, AwsError> {
  const pairs = parseQuery(head.rawQuery)
  if (!pairs) return incomplete('The query string is not percent-encoded UTF-8.')
  const value = (name: string): string | undefined => pairs.find((pair) => pair.name === name)?.value
  if (value('X-Amz-Algorithm') !== algorithm)
    return incomplete(`Unsupported AWS 'algorithm': '${shorten(value('X-Amz-Algorithm') ?? '')}'.`)
  const credential = value('X-Amz-Credential')
  const signature = value('X-Amz-Signature')
  const signedHeaders = value('X-Amz-SignedHeaders')
  const stamp = value('X-Amz-Date')
  const expires = value('X-Amz-Expires')
  if (!credential || !signature || !signedHeaders || !stamp || !expires)
    return incomplete(
      'AWS query-string parameters must include X-Amz-Credential, X-Amz-Signature, X-Amz-SignedHeaders, X-Amz-Date and X-Amz-Expires.',
    )
  const expiresSeconds = /^\d{1,9}$/.test(expires) ? Number(expires) : Number.NaN
  if (!(expiresSeconds >= 1 && expiresSeconds <= longestExpirySeconds))
    return incomplete(`X-Amz-Expires must be from 1 to ${longestExpirySeconds} seconds.`)
  const token = value('X-Amz-Security-Token')
  return claim({ credential, signature, signedHeaders, stamp, expiresSeconds, ...(token !== undefined && { token }) })
}

function claim(fields: {
  credential: string
  signature: string
  signedHeaders: string
  stamp: string
  token?: string
  expiresSeconds?: number
}): Result<ClaimedSignature, AwsError> {
  const [accessKeyId, date, region, service, terminator, ...rest] = fields.credential.split('/')
  if (!accessKeyId || !date || !region || !service || !terminator || rest.length > 0)
    return incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${shorten(fields.credential)}'.`,
    )
  if (!stampPattern.test(fields.stamp))
    return incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${shorten(fields.stamp)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  return ok({
    accessKeyId,
    date,
    region,
    service,
    terminator,
    signedHeaders: fields.signedHeaders.toLowerCase().split(';'),
    signature: fields.signature,
    stamp: fields.stamp,
    ...(fields.token !== undefined && { sessionToken: fields.token }),
    ...(fields.expiresSeconds !== undefined && { expiresSeconds: fields.expiresSeconds }),
  })
}

function stampOf(head: SignedHead): string | undefined {
  const stamp = head.headers['x-amz-date']
  if (stamp !== undefined) return stamp
  const ms = Date.parse(head.headers.date ?? '')
  return Number.isNaN(ms) ? undefined : toStamp(ms)
}

/** Epoch ms as `20150830T123600Z`. */
export const toStamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')

/** Epoch ms of `20150830T123600Z`; NaN when it is no date. */
export const fromStamp = (stamp: string): number =>
  Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

/** What is quoted from a caller stays short. */
const shorten = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text)
