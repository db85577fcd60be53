import { type KeyLookup, openSignature, type SigningKeys } from '@weft/aws'
import {
  type AccountId,
  type AwsError,
  awsErrors,
  err,
  type HttpApiCors,
  type HttpIntegration,
  type HttpRoute,
  limits,
  ok,
  parseFunctionRef,
  type Result,
} from '@weft/contracts'
import { type Clock, type Logger, withSpan } from '@weft/platform'
import { type Identities, serviceMayInvoke } from '@weft/policy'
import type { Catalogue } from '@weft/registry'
import type { Admitted, DoorHead, DoorResponse, Principal, SiteDoor } from '../doors/door.ts'
import { corsHeaders, isPreflight, preflightHeaders } from '../doors/web/cors.ts'
import { payload1, webAnswer1 } from '../doors/web/payload-1.ts'
import { payload2 } from '../doors/web/payload-2.ts'
import { siteBodyLimit } from '../doors/web/site-invoke.ts'
import { traceOf } from '../doors/web/trace.ts'
import { type WebAnswer, webAnswer } from '../doors/web/web-answer.ts'
import { type Authorizer, userIdOf } from '../identity/authorizer.ts'
import type { CredentialOwner } from '../identity/credentials.ts'
import type { Operations } from '../operations/api.ts'
import type { InvokeOutput } from '../operations/context.ts'
import { type ApiPlace, apiPlaceOf } from './api-place.ts'
import type { HttpApiIndex } from './directory.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { decideByJwt } from './jwt-authorizer.ts'
import { matchRoute } from './route-key.ts'
import { type Throttle, throttleOf } from './throttle.ts'

export interface HttpApiDoorDeps {
  readonly index: HttpApiIndex
  readonly catalogue: Pick<Catalogue, 'account' | 'function'>
  readonly invoke: Operations['invokeAdmitted']
  readonly lookup: KeyLookup<CredentialOwner>
  readonly signingKeys: SigningKeys
  readonly authorizer: Authorizer
  readonly identities: Identities
  readonly issuerKeys: IssuerKeys
  readonly throttle: Throttle
  readonly region: string
  /** Below which the host names lie. */
  readonly domain: string
  readonly clock: Clock
  readonly log: Logger
}

/** A request on its way through a route. */
interface Visit {
  readonly head: DoorHead
  readonly place: ApiPlace
  readonly route: HttpRoute
  readonly pathParameters: Readonly<Record<string, string>>
}

/** Who was let in, as the event tells of it. */
interface Caller {
  readonly authorizer?: unknown
}

const message = (status: number, text: string): DoorResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message: text }),
})
const notFound = message(404, 'Not Found')
const forbidden = message(403, 'Forbidden')
const tooMany = message(429, 'Too Many Requests')
const internal = message(500, 'Internal Server Error')
const unavailable = message(503, 'Service Unavailable')
const tooLarge = message(413, 'Request Entity Too Large')
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
    if (place === 'nowhere' || !this.#deps.catalogue.account(place.api.accountId)) return err(notFound)
    const { corsConfiguration: cors } = place.api
    if (cors && isPreflight(head)) return err({ status: 204, headers: preflightHeaders(urlCors(cors), head), body: '' })
    const match = matchRoute(Object.values(place.surface.routes), head.method, place.routePath)
    if (!match) return err(withCors(cors, head, notFound))
    const key = `${place.api.apiId} ${place.stage.stageName} ${match.route.routeKey}`
    if (!throttle.admit(key, throttleOf(place.stage, match.route.routeKey), clock.monotonic()))
      return err(withCors(cors, head, tooMany))
    return this.#open({ head, place, ...match })
  }

  /** What can be decided of the caller before the body is read is. */
  #open(visit: Visit): Result<Admitted, DoorResponse> {
    const { head, place, route } = visit
    const { corsConfiguration: cors } = place.api
    if (route.authorizationType !== 'AWS_IAM') return ok(this.#admitted(visit, () => this.#byToken(visit)))
    const { lookup, clock, region, signingKeys } = this.#deps
    const opened = openSignature(head, lookup, clock.now(), { region, services: ['execute-api'], signingKeys })
    if (!opened.ok) return err(withCors(cors, head, refusedSignature(opened.error)))
    return ok(
      this.#admitted(visit, async (body) => {
        const verified = opened.value.verify(body)
        if (!verified.ok) return err(refusedSignature(verified.error))
        const { principal } = verified.value.owner
        return this.#mayCall(visit, principal) ? ok({ authorizer: this.#iam(principal) }) : err(forbidden)
      }),
    )
  }

  async #byToken({ head, place, route }: Visit): Promise<Result<Caller, DoorResponse>> {
    if (route.authorizationType !== 'JWT') return ok({})
    const authorizer = place.surface.authorizers[route.authorizerId ?? '']
    if (!authorizer) return err(internal)
    const { issuerKeys, clock, log } = this.#deps
    const decision = await decideByJwt(head, authorizer, route, issuerKeys, clock.now())
    if (decision.allowed) {
      const { claims, scopes } = decision
      return ok({ authorizer: { jwt: { claims, scopes } } })
    }
    const { status, reason } = decision
    log.debug({ requestId: head.requestId, apiId: place.api.apiId, reason }, 'a token was refused')
    if (status === 403) return err(forbidden)
    const refused = message(401, 'Unauthorized')
    return err({ ...refused, headers: { ...refused.headers, 'www-authenticate': 'Bearer' } })
  }

  #mayCall({ place, head }: Visit, principal: Principal): boolean {
    const { api, stage, routePath } = place
    const { region, authorizer } = this.#deps
    return authorizer.decide(principal, {
      action: 'execute-api:Invoke',
      resource: `arn:aws:execute-api:${region}:${api.accountId}:${api.apiId}/${stage.stageName}/${head.method}${routePath}`,
      resourceAccount: api.accountId,
      context: { 'aws:sourceip': head.sourceIp },
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
    return {
      bodyLimit: siteBodyLimit,
      refuse: (error) => withCors(cors, head, error.code === 'RequestEntityTooLargeException' ? tooLarge : internal),
      handle: async (body, signal) => {
        const attributes = { 'http.request.method': head.method, 'weft.request_id': head.requestId }
        const options = { kind: 'server', parent: head.headers.traceparent, attributes } as const
        try {
          return await withSpan(`api ${place.api.name}`, options, async (span) => {
            const caller = await authorize(body)
            const response = caller.ok ? await this.#call(visit, body, caller.value, signal) : caller.error
            span.set({ 'http.response.status_code': response.status })
            return withCors(cors, head, response)
          })
        } catch (error) {
          this.#deps.log.error({ err: error, requestId: head.requestId, apiId: place.api.apiId }, 'request failed')
          return withCors(cors, head, internal)
        }
      },
    }
  }

  async #call(visit: Visit, body: Buffer, caller: Caller, signal: AbortSignal): Promise<DoorResponse> {
    const { head, place, route } = visit
    const integration = place.surface.integrations[(route.target ?? '').slice('integrations/'.length)]
    if (!integration) return internal
    const target = this.#targetOf(visit, integration)
    // That the function does not let this API in is for its owner's log, as on AWS.
    if (!target) return internal
    const traceHeader = traceOf(head, this.#deps.clock.now())
    const payload = Buffer.from(JSON.stringify(this.#event(visit, integration, body, caller, traceHeader)))
    if (payload.byteLength > limits.syncPayloadBytes) return tooLarge
    const { accountId, functionName, qualifier, functionArn } = target
    const running = this.#deps.invoke(
      // In the name of the function's account: its policy has let this API in.
      { principal: { accountId, arn: functionArn, keyId: place.api.apiId }, requestId: head.requestId, signal },
      {
        ...{ functionName, payload, invocationType: 'RequestResponse', logTail: false, traceHeader },
        ...(qualifier !== undefined && { qualifier }),
        ...(head.headers.traceparent !== undefined && { traceparent: head.headers.traceparent }),
      },
    )
    const outcome = await this.#within(integration.timeoutInMillis, running)
    if (outcome === 'late') return unavailable
    return responseTo(outcome, integration)
  }

  #targetOf({ place, head, route }: Visit, { integrationUri }: HttpIntegration) {
    const { api, stage } = place
    const { catalogue, region, log } = this.#deps
    const ref = parseFunctionRef(integrationUri)
    const accountId = ref.ok ? ref.value.accountId : undefined
    const record = ref.ok && accountId ? catalogue.function(accountId as AccountId, ref.value.functionName) : undefined
    if (!ref.ok || !record) return undefined
    const { qualifier, functionName } = ref.value
    const path = route.routeKey === '$default' ? '$default' : `${head.method}${route.routeKey.replace(/^\w+ /, '')}`
    const sourceArn = `arn:aws:execute-api:${region}:${api.accountId}:${api.apiId}/${stage.stageName}/${path}`
    const call = { service: 'apigateway.amazonaws.com', sourceArn, sourceAccount: api.accountId }
    if (!serviceMayInvoke(record, { ...call, ...(qualifier !== undefined && { qualifier }) })) {
      log.warn({ apiId: api.apiId, sourceArn, function: integrationUri }, 'a function does not let an API call it')
      return undefined
    }
    return { accountId: record.accountId, functionName, functionArn: record.functionArn, qualifier }
  }

  #event(visit: Visit, integration: HttpIntegration, body: Buffer, caller: Caller, traceHeader: string): unknown {
    const { head, place, route, pathParameters } = visit
    const { api, stage, domainName, domainPrefix, rawPath } = place
    const facts = {
      ...{ accountId: api.accountId, apiId: api.apiId, domainName, domainPrefix, rawPath, traceHeader },
      ...{ stage: stage.stageName, nowMs: this.#deps.clock.now() },
      ...(Object.keys(pathParameters).length > 0 && { pathParameters }),
      ...(Object.keys(stage.stageVariables).length > 0 && { stageVariables: stage.stageVariables }),
    }
    if (integration.payloadFormatVersion === '2.0')
      return payload2(head, body, { ...facts, ...caller, routeKey: route.routeKey })
    const resource = route.routeKey === '$default' ? '$default' : route.routeKey.replace(/^\w+ /, '')
    // The older format has the claims where the newer has `jwt`.
    const { jwt } = (caller.authorizer ?? {}) as { readonly jwt?: unknown }
    return payload1(head, body, { ...facts, resource, ...(jwt !== undefined && { authorizer: jwt }) })
  }

  /** The function runs on when the integration gives up on it, as on AWS. */
  async #within<T>(timeoutMs: number, running: Promise<T>): Promise<T | 'late'> {
    const { clock } = this.#deps
    const late = Promise.withResolvers<'late'>()
    const timer = clock.schedule(timeoutMs, () => late.resolve('late'))
    try {
      return await Promise.race([running, late.promise])
    } finally {
      timer.cancel()
      running.catch(() => undefined)
    }
  }
}

function responseTo(outcome: Result<InvokeOutput, AwsError>, integration: HttpIntegration): DoorResponse {
  if (!outcome.ok) return awsErrors[outcome.error.code].http === 429 ? unavailable : internal
  const output = outcome.value
  if (output.kind !== 'answered' || output.functionError !== undefined) return internal
  const read: WebAnswer | undefined =
    integration.payloadFormatVersion === '2.0'
      ? webAnswer(output.payload, plainText)
      : webAnswer1(output.payload, plainText)
  return read ?? internal
}

const refusedSignature = (error: AwsError): DoorResponse =>
  error.code === 'MissingAuthenticationTokenException' ? forbidden : message(403, error.message)

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
