import { type KeyLookup, openSignature, type SigningKeys } from '@weft/aws'
import {
  type AwsError,
  awsErrors,
  err,
  type HttpApiCors,
  type HttpIntegration,
  limits,
  ok,
  type Result,
} from '@weft/contracts'
import { type Clock, type Logger, withSpan } from '@weft/platform'
import type { Identities } from '@weft/policy'
import type { Catalogue } from '@weft/registry'
import type { Admitted, DoorHead, DoorResponse, Principal, SiteDoor } from '../doors/door.ts'
import { corsHeaders, isPreflight, preflightHeaders } from '../doors/web/cors.ts'
import { webAnswer1 } from '../doors/web/payload-1.ts'
import { siteBodyLimit, wholeAnswer } from '../doors/web/site-invoke.ts'
import { traceOf } from '../doors/web/trace.ts'
import { type Authorizer, userIdOf } from '../identity/authorizer.ts'
import type { CredentialOwner } from '../identity/credentials.ts'
import { apiPlaceOf } from './api-place.ts'
import type { HttpApiIndex } from './directory.ts'
import type { CallEnd, FunctionCalls } from './function-calls.ts'
import type { RouteAuthorizers } from './route-authorizers.ts'
import { matchRoute } from './route-key.ts'
import { type Throttle, throttleOf } from './throttle.ts'
import { answers, type Caller, eventOf, routeArn, routePathOf, type Visit } from './visit.ts'

export interface HttpApiDoorDeps {
  readonly index: HttpApiIndex
  readonly catalogue: Pick<Catalogue, 'account'>
  readonly calls: FunctionCalls
  readonly authorizers: RouteAuthorizers
  readonly lookup: KeyLookup<CredentialOwner>
  readonly signingKeys: SigningKeys
  readonly authorizer: Authorizer
  readonly identities: Identities
  readonly throttle: Throttle
  readonly region: string
  /** Below which the host names lie. */
  readonly domain: string
  readonly clock: Clock
  readonly log: Logger
}

const plainText = 'text/plain;charset=utf-8'

/**
 * HTTP APIs: `<id>.execute-api.<region>.<domain>`, the path `/_api/<id>/…`, and custom domain names. A route is chosen, its
 * throttle and authorizer are asked, and the function is called if its resource policy lets API Gateway do so for this route.
 */
export class HttpApiDoor implements SiteDoor {
  readonly #deps: HttpApiDoorDeps

  constructor(deps: HttpApiDoorDeps) {
    this.#deps = deps
  }

  admit(head: DoorHead): Result<Admitted, DoorResponse> | undefined {
    const { index, throttle, clock } = this.#deps
    const place = apiPlaceOf(head, index, this.#deps)
    if (place === undefined) return undefined
    if (place === 'nowhere' || !this.#deps.catalogue.account(place.api.accountId)) return err(answers.notFound)
    const { corsConfiguration: cors } = place.api
    if (cors && isPreflight(head)) return err({ status: 204, headers: preflightHeaders(urlCors(cors), head), body: '' })
    const match = matchRoute(Object.values(place.surface.routes), head.method, place.routePath)
    if (!match) return err(withCors(cors, head, answers.notFound))
    const key = `${place.api.apiId} ${place.stage.stageName} ${match.route.routeKey}`
    if (!throttle.admit(key, throttleOf(place.stage, match.route.routeKey), clock.monotonic()))
      return err(withCors(cors, head, answers.tooMany))
    return this.#open({ head, place, ...match })
  }

  /** What can be decided of the caller before the body is read is. */
  #open(visit: Visit): Result<Admitted, DoorResponse> {
    const { head, place, route } = visit
    const { corsConfiguration: cors } = place.api
    const { lookup, clock, region, signingKeys, authorizers } = this.#deps
    if (route.authorizationType !== 'AWS_IAM') return ok(this.#admitted(visit, () => authorizers.decide(visit)))
    const opened = openSignature(head, lookup, clock.now(), { region, services: ['execute-api'], signingKeys })
    if (!opened.ok) return err(withCors(cors, head, refusedSignature(opened.error)))
    return ok(
      this.#admitted(visit, async (body) => {
        const verified = opened.value.verify(body)
        if (!verified.ok) return err(refusedSignature(verified.error))
        const { principal } = verified.value.owner
        return this.#mayCall(visit, principal) ? ok({ authorizer: this.#iam(principal) }) : err(answers.forbidden)
      }),
    )
  }

  #mayCall(visit: Visit, principal: Principal): boolean {
    const { region, authorizer } = this.#deps
    return authorizer.decide(principal, {
      action: 'execute-api:Invoke',
      resource: routeArn(visit, region),
      resourceAccount: visit.place.api.accountId,
      context: { 'aws:sourceip': visit.head.sourceIp },
    }).allowed
  }

  #iam(caller: Principal): unknown {
    const userId = userIdOf(this.#deps.identities, caller)
    const { keyId: accessKey, accountId, arn: userArn } = caller
    const iam = { accessKey, accountId, callerId: userId, cognitoIdentity: null, principalOrgId: null, userArn, userId }
    return { iam }
  }

  #admitted(visit: Visit, authorize: (body: Buffer) => Promise<Result<Caller, DoorResponse>>): Admitted {
    const { head, place } = visit
    const { corsConfiguration: cors } = place.api
    const tooLarge = (error: AwsError): boolean => error.code === 'RequestEntityTooLargeException'
    return {
      bodyLimit: siteBodyLimit,
      refuse: (error) => withCors(cors, head, tooLarge(error) ? answers.tooLarge : answers.internal),
      handle: async (body, signal) => {
        const attributes = { 'http.request.method': head.method, 'weft.request_id': head.requestId }
        const options = { kind: 'server', parent: head.headers.traceparent, attributes } as const
        try {
          return await withSpan(`api ${place.api.name}`, options, async (span) => {
            const caller = await authorize(body)
            const response = caller.ok ? await this.#answer(visit, body, caller.value, signal) : caller.error
            span.set({ 'http.response.status_code': response.status })
            return withCors(cors, head, response)
          })
        } catch (error) {
          this.#deps.log.error({ err: error, requestId: head.requestId, apiId: place.api.apiId }, 'request failed')
          return withCors(cors, head, answers.internal)
        }
      },
    }
  }

  async #answer(visit: Visit, body: Buffer, caller: Caller, signal: AbortSignal): Promise<DoorResponse> {
    const { head, place, route } = visit
    const { calls, clock, region } = this.#deps
    const integration = place.surface.integrations[(route.target ?? '').slice('integrations/'.length)]
    if (!integration) return answers.internal
    const { integrationUri: functionArn, timeoutInMillis: timeoutMs, payloadFormatVersion: format } = integration
    const traceHeader = traceOf(head, clock.now())
    const payload = Buffer.from(JSON.stringify(eventOf(visit, format, body, caller, traceHeader, clock.now())))
    if (payload.byteLength > limits.syncPayloadBytes) return answers.tooLarge
    const end = await calls.call({
      ...{ api: place.api, functionArn, payload, timeoutMs, traceHeader, signal, requestId: head.requestId },
      sourceArn: routeArn(visit, region, routePathOf(route.routeKey)),
      traceparent: head.headers.traceparent,
    })
    return responseTo(end, integration)
  }
}

function responseTo(end: CallEnd, { payloadFormatVersion }: HttpIntegration): DoorResponse {
  if (end === 'late') return answers.unavailable
  if (end === 'refused') return answers.internal
  if (!end.ok) return awsErrors[end.error.code].http === 429 ? answers.unavailable : answers.internal
  const output = end.value
  if (output.kind !== 'answered' || output.functionError !== undefined) return answers.internal
  const read = payloadFormatVersion === '2.0' ? wholeAnswer : webAnswer1
  return read(output.payload, plainText) ?? answers.internal
}

const refusedSignature = (error: AwsError): DoorResponse =>
  error.code === 'MissingAuthenticationTokenException' ? answers.forbidden : answers.refused(error.message)

const urlCors = ({ maxAge, ...cors }: HttpApiCors) => ({
  ...cors,
  ...(maxAge !== undefined && { maxAgeSeconds: maxAge }),
})

/** What an integration says of CORS does not count where the API says it. */
function withCors(cors: HttpApiCors | undefined, head: DoorHead, response: DoorResponse): DoorResponse {
  if (!cors) return response
  const kept = Object.entries(response.headers).filter(([name]) => !name.toLowerCase().startsWith('access-control-'))
  return { ...response, headers: { ...Object.fromEntries(kept), ...corsHeaders(urlCors(cors), head) } }
}
