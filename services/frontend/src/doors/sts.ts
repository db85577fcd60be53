import { type AwsError, awsError, awsErrors } from '@weft/contracts'
import type { AwsDoor, DoorHead, DoorRequest, DoorResponse } from './door.ts'
import { xmlDocument } from './s3/xml.ts'

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
const limitBytes = 64 * 1024

const xml = (status: number, body: string): DoorResponse => ({ status, headers: { 'content-type': 'text/xml' }, body })

const refusal = (status: number, code: string, message: string, head: DoorHead): DoorResponse =>
  xml(
    status,
    xmlDocument(
      'ErrorResponse',
      {
        Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message },
        RequestId: head.requestId,
      },
      namespace,
    ),
  )

/** The query protocol takes parameters from the form of a POST or the query of a GET. */
const parametersOf = (request: DoorRequest): URLSearchParams =>
  new URLSearchParams(request.method === 'POST' ? request.body.toString() : request.rawQuery)

/** The one operation of the Security Token Service that tells a caller who it is. */
export const stsDoor: AwsDoor = {
  service: 'sts',
  bodyLimit: () => ({
    limitBytes,
    tooLarge: (size) =>
      awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${limitBytes} bytes)`),
  }),
  refuse: (error: AwsError, head) => refusal(awsErrors[error.code].http, codeOf(error), error.message, head),
  async handle(request) {
    const action = parametersOf(request).get('Action') ?? ''
    if (action !== 'GetCallerIdentity')
      return refusal(
        400,
        'InvalidAction',
        `Could not find operation ${action.slice(0, 128)} for version 2011-06-15`,
        request,
      )
    const { accountId, arn, session } = request.principal
    const result = {
      Arn: arn,
      UserId: session ? `${session.roleArn}:${session.sessionName}` : accountId,
      Account: accountId,
    }
    return xml(
      200,
      xmlDocument(
        'GetCallerIdentityResponse',
        { GetCallerIdentityResult: result, ResponseMetadata: { RequestId: request.requestId } },
        namespace,
      ),
    )
  },
}

/** The codes that STS has of its own for what every service refuses. */
const codeOf = (error: AwsError): string => {
  if (error.code === 'UnrecognizedClientException') return 'InvalidClientTokenId'
  if (error.code === 'InvalidSignatureException') return 'SignatureDoesNotMatch'
  return error.code.replace(/Exception$/, '')
}
