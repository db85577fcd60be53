import { type AwsError, awsError, awsErrors } from '@weft/contracts'
import type { TrackedEntry } from '@weft/delivery'
import type { AwsDoor, DoorHead, DoorRequest, DoorResponse } from '../door.ts'
import { type BucketEventsDeps, takeBucketEvents } from './bucket-events.ts'
import { type CloudEventsDeps, isBusName, putCloudEvents } from './cloud-events.ts'
import { arnOf, type Invocations } from './invocations.ts'

const limitBytes = 1_024
/** A batch of the largest events, each with its frame. */
const eventsLimitBytes = 4 * 1024 * 1024

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

const refusal = ({ code, message, retryAfterSeconds }: AwsError): DoorResponse =>
  json(
    awsErrors[code].http,
    { Type: awsErrors[code].fault, Code: code, Message: message },
    retryAfterSeconds === undefined ? {} : { 'retry-after': `${Math.ceil(retryAfterSeconds)}` },
  )

export interface WeftDoorDeps {
  readonly invocations: Invocations
  readonly events: CloudEventsDeps
  readonly bucketEvents: BucketEventsDeps
  readonly region: string
}

type Handler = (deps: WeftDoorDeps, request: DoorRequest, name: string) => Promise<DoorResponse>

interface Route {
  readonly method: string
  /** Its first group is what the request is about. */
  readonly path: RegExp
  readonly limitBytes: number
  readonly handle: Handler
}

const routes: readonly Route[] = [
  { method: 'GET', path: /^\/2026-01-01\/invocations\/([0-9a-f-]{36})$/, limitBytes, handle: tell('get') },
  { method: 'DELETE', path: /^\/2026-01-01\/invocations\/([0-9a-f-]{36})$/, limitBytes, handle: tell('cancel') },
  {
    ...{ method: 'POST', path: /^\/2026-01-01\/event-buses\/([^/]+)\/events$/ },
    ...{ limitBytes: eventsLimitBytes, handle: takeEvents },
  },
  { method: 'POST', path: /^\/2026-01-01\/(bucket-events)$/, limitBytes: eventsLimitBytes, handle: takeNotices },
]

const routeOf = ({ method, rawPath }: Pick<DoorHead, 'method' | 'rawPath'>): Route | undefined =>
  routes.find((route) => route.method === method && route.path.test(rawPath))

/**
 * What AWS has no counterpart of, signed for the service `weft` or with the secret as a bearer token:
 * `GET /2026-01-01/invocations/<request id>` tells what became of an invocation whose result is kept, `DELETE` cancels one that
 * waits; `POST /2026-01-01/event-buses/<bus>/events` takes CloudEvents; `POST /2026-01-01/bucket-events` what
 * another S3 store tells of its buckets.
 */
export const weftDoor = (deps: WeftDoorDeps): AwsDoor => ({
  service: 'weft',
  tokenPath: '/2026-01-01/',
  bodyLimit(head) {
    const most = routeOf(head)?.limitBytes ?? limitBytes
    return {
      limitBytes: most,
      tooLarge: (size) =>
        awsError('RequestEntityTooLargeException', `${size} byte request is too large (limit ${most} bytes)`),
    }
  },
  refuse: refusal,
  async handle(request) {
    const route = routeOf(request)
    const name = route?.path.exec(request.rawPath)?.[1]
    if (!route || name === undefined)
      return refusal(awsError('UnknownOperationException', 'There is no such operation.'))
    return route.handle(deps, request, name)
  },
})

function tell(what: keyof Invocations): Handler {
  return async ({ invocations, region }, { principal, sourceIp }, requestId) => {
    const done = await invocations[what]({ principal, requestId, sourceIp })
    return done.ok ? json(200, describe(done.value, region)) : refusal(done.error)
  }
}

async function takeEvents({ events }: WeftDoorDeps, request: DoorRequest, bus: string): Promise<DoorResponse> {
  const { principal, sourceIp, headers, body } = request
  if (!isBusName(bus)) return refusal(awsError('ResourceNotFoundException', `Event bus ${bus} does not exist.`))
  const put = await putCloudEvents(events, { principal, sourceIp, bus, message: { headers, payload: body } })
  return put.ok ? json(202, { EventIds: put.value }) : refusal(put.error)
}

async function takeNotices({ bucketEvents }: WeftDoorDeps, request: DoorRequest): Promise<DoorResponse> {
  const { principal, sourceIp, body } = request
  const taken = await takeBucketEvents(bucketEvents, { principal, sourceIp, body })
  return taken.ok ? json(202, {}) : refusal(taken.error)
}

function describe({ invocation, answer }: TrackedEntry, region: string) {
  const { acceptedAtMs, endedAtMs, keepMs } = invocation
  const date = (ms: number): string => new Date(ms).toISOString()
  return {
    RequestId: invocation.requestId,
    FunctionArn: arnOf(invocation, region),
    InvocationType: invocation.invocationType,
    State: invocation.state,
    Condition: invocation.condition,
    Runs: invocation.runs,
    StatusCode: invocation.statusCode,
    ExecutedVersion: invocation.executedVersion,
    FunctionError: invocation.functionError,
    AcceptedAt: date(acceptedAtMs),
    ...(endedAtMs !== undefined && { EndedAt: date(endedAtMs), KeptUntil: date(endedAtMs + keepMs) }),
    ...(answer && { Payload: new TextDecoder().decode(answer) }),
  }
}
