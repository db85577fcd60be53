import type { IncomingMessage } from 'node:http'
import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import type { DoorHead } from '../doors/door.ts'

const malformed = (message: string): Result<never, AwsError> => err(awsError('ValidationException', message))

/** Headers of which two would mean two different things to two readers. */
const singular = new Set(['host', 'authorization', 'content-length', 'content-type', 'transfer-encoding', 'x-amz-date'])

/**
 * What of a request is known before its body. Refuses targets that are no paths, and repeated headers that must not be.
 * Header values keep the order of arrival; none of them is believed to come from the fabric itself.
 */
export function readHead(request: IncomingMessage, requestId: string): Result<DoorHead, AwsError> {
  const url = request.url ?? ''
  const at = url.indexOf('?')
  const rawPath = at < 0 ? url : url.slice(0, at)
  const rawQuery = at < 0 ? '' : url.slice(at + 1)
  if (!rawPath.startsWith('/')) return malformed('The request target must be a path.')
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  const raw = request.rawHeaders
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    const value = raw[i + 1] as string
    const earlier = headers[name]
    if (earlier !== undefined && singular.has(name)) return malformed(`The header ${name} must not be repeated.`)
    headers[name] = earlier === undefined ? value : `${earlier}, ${value}`
  }
  const sourceIp = request.socket.remoteAddress?.replace(/^::ffff:/, '')
  const { httpVersion, method = '' } = request
  const target = { requestId, method, rawPath, rawQuery, headers, headerList: raw, httpVersion }
  return ok(sourceIp === undefined ? target : { ...target, sourceIp })
}
