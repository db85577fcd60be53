import { percentDecode } from '@weft/aws'
import { type AwsError, awsError, awsErrors } from '@weft/contracts'
import type { AwsDoor, DoorHead, DoorRequest, DoorResponse } from '../doors/door.ts'
import { apiOperations } from './api-operations.ts'
import type { ApiCall, ApiOperations, HttpApisDeps } from './calls.ts'
import { domainOperations } from './domain-operations.ts'
import { type ApiProblem, badRequest } from './members.ts'
import { partOperations } from './part-operations.ts'
import { tagOperations } from './tag-operations.ts'

const families: readonly ApiOperations[] = [apiOperations, partOperations, domainOperations, tagOperations]
const statuses = {
  BadRequestException: 400,
  NotFoundException: 404,
  ConflictException: 409,
  NotImplementedException: 501,
} as const
const limitBytes = 1024 * 1024

/** API Gateway, version 2: the management of HTTP APIs, in its REST-JSON protocol. */
export function httpApisDoor(deps: HttpApisDeps): AwsDoor {
  return {
    service: 'apigateway',
    bodyLimit: () => ({
      limitBytes,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
    }),
    refuse: (error) => json(awsErrors[error.code].http, { message: error.message }, error.code),
    handle: (request) => answer(deps, request),
  }
}

async function answer(deps: HttpApisDeps, request: DoorRequest): Promise<DoorResponse> {
  const path = segmentsOf(request)
  const body = bodyOf(request)
  if (!path) return refusal({ code: 'NotFoundException', message: 'Unknown path' })
  if (!body) return refusal(badRequest('The request body is not a JSON object.'))
  const refused = authorize(deps, request)
  if (refused) return json(403, { message: refused.message }, refused.code)
  const call: ApiCall = { request, path, body, query: new URLSearchParams(request.rawQuery), deps }
  for (const family of families) {
    const answering = family(call)
    if (!answering) continue
    const given = await answering
    if ('problem' in given) return refusal(given.problem)
    return given.status === 204 ? { status: 204, headers: {}, body: '' } : json(given.status, given.body)
  }
  const message = `${request.method} ${request.rawPath.slice(0, 256)} is not served by this fabric.`
  return refusal({ code: 'NotImplementedException', message })
}

/** Service authorization reference, "Amazon API Gateway Management V2": actions are methods, resources are paths. */
function authorize({ authorizer, region }: HttpApisDeps, request: DoorRequest): AwsError | undefined {
  return authorizer.authorize(request.principal, {
    action: `apigateway:${request.method}`,
    resource: `arn:aws:apigateway:${region}::${request.rawPath.replace(/^\/v2/, '')}`,
    context: { 'aws:sourceip': request.sourceIp },
  })
}

function segmentsOf({ rawPath }: DoorHead): readonly string[] | undefined {
  const [, version, ...rest] = rawPath.split('/')
  if (version !== 'v2') return undefined
  const decoded = rest.map((part) => percentDecode(part) ?? '')
  return decoded.every((part) => part !== '') ? decoded : undefined
}

function bodyOf({ body }: DoorRequest): Readonly<Record<string, unknown>> | undefined {
  if (body.byteLength === 0) return {}
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

const refusal = ({ code, message }: ApiProblem): DoorResponse => json(statuses[code], { message }, code)

const json = (status: number, body: object, errorType?: string): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...(errorType !== undefined && { 'x-amzn-ErrorType': errorType }) },
  body: JSON.stringify(body),
})
