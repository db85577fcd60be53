import { type AwsError, awsError, awsErrors, type Result } from '@weft/contracts'
import type { AwsDoor, DoorHead, DoorRequest, DoorResponse } from '../door.ts'
import { type XmlMembers, xmlDocument } from '../s3/xml.ts'
import { Params } from './params.ts'

/** A refusal in the service's own code. */
export interface QueryError {
  readonly code: string
  readonly message: string
  readonly status: number
}

export interface QueryCall {
  readonly params: Params
  readonly request: DoorRequest
}

/** What an operation answers: the members of its result, or none when it has no result. */
export type QueryResult = Result<XmlMembers | undefined, QueryError>
export type QueryOperation = (call: QueryCall) => QueryResult | Promise<QueryResult>

export interface QueryService {
  /** Name in the credential scope. */
  readonly service: string
  readonly namespace: string
  /** Date in the `Version` parameter. */
  readonly version: string
  readonly operations: ReadonlyMap<string, QueryOperation>
  /** Operations of the service that are not served, and why. */
  readonly refused?: Readonly<Record<string, string>>
  /** Of a request; 128 KiB by default: trust and permission policies come URL-encoded, each at most 20 KB. */
  readonly limitBytes?: number
}

/** A service of AWS's query protocol: parameters in a form, answers in XML. */
export function queryDoor(served: QueryService): AwsDoor {
  const { service, namespace, version, operations, refused = {}, limitBytes = 128 * 1024 } = served
  const answer = (status: number, root: string, members: XmlMembers): DoorResponse => ({
    status,
    headers: { 'content-type': 'text/xml' },
    body: xmlDocument(root, members, namespace),
  })
  const refusal = ({ code, message, status }: QueryError, head: DoorHead): DoorResponse =>
    answer(status, 'ErrorResponse', {
      Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message },
      RequestId: head.requestId,
    })
  return {
    service,
    bodyLimit: () => ({
      limitBytes,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
    }),
    refuse: (error, head) => refusal(fromAwsError(error), head),
    async handle(request) {
      const values = parametersOf(request)
      const action = values.get('Action') ?? ''
      const operation = operations.get(action)
      if (!operation) {
        if (Object.hasOwn(refused, action)) {
          const why = `${action} is not served by this fabric: ${refused[action]}.`
          return refusal({ code: 'NotImplemented', message: why, status: 501 }, request)
        }
        const message = `Could not find operation ${action.slice(0, 128)} for version ${version}`
        return refusal({ code: 'InvalidAction', message, status: 400 }, request)
      }
      const result = await operation({ params: new Params(values), request })
      if (!result.ok) return refusal(result.error, request)
      return answer(200, `${action}Response`, {
        ...(result.value && { [`${action}Result`]: result.value }),
        ResponseMetadata: { RequestId: request.requestId },
      })
    },
  }
}

/** The form of a POST, or the query of a GET. */
const parametersOf = (request: DoorRequest): URLSearchParams =>
  new URLSearchParams(request.method === 'POST' ? request.body.toString() : request.rawQuery)

const codes: Partial<Record<AwsError['code'], string>> = {
  UnrecognizedClientException: 'InvalidClientTokenId',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  ServiceException: 'InternalFailure',
  ServiceUnavailableException: 'ServiceUnavailable',
}

/** The codes that these services have of their own for what every service refuses. */
export const fromAwsError = ({ code, message }: AwsError): QueryError => ({
  code: codes[code] ?? code.replace(/Exception$/, ''),
  message,
  status: awsErrors[code].http,
})
