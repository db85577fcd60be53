import { encodeError, type KeyLookup, openSignature, type SigningKeys } from '@weft/aws'
import { type AwsError, awsError, err, type FunctionUrl, LATEST, limits, ok, type Result } from '@weft/contracts'
import { type Clock, type Logger, withSpan } from '@weft/platform'
import { anonymousMayUseUrl, compiledResourcePolicy, type Identities, policyOf } from '@weft/policy'
import type { Catalogue, UrlOwner } from '@weft/registry'
import { type Authorizer, userIdOf } from '../../identity/authorizer.ts'
import type { CredentialOwner } from '../../identity/credentials.ts'
import type { Operations } from '../../operations/api.ts'
import type { Admitted, DoorHead, DoorResponse, Principal, SiteDoor } from '../door.ts'
import { corsHeaders, isPreflight, preflightHeaders } from '../web/cors.ts'
import { payload2 } from '../web/payload-2.ts'
import { answerStreamed, answerWhole, internalError, siteBodyLimit } from '../web/site-invoke.ts'
import { traceOf } from '../web/trace.ts'
import { type UrlPlace, urlPlaceOf } from './url-place.ts'

export interface UrlDoorDeps {
  readonly catalogue: Pick<Catalogue, 'functionOfUrl'>
  readonly invoke: Operations['invokeAdmitted']
  readonly lookup: KeyLookup<CredentialOwner>
  readonly signingKeys: SigningKeys
  readonly authorizer: Authorizer
  readonly identities: Identities
  readonly region: string
  /** Below which the host names lie. */
  readonly domain: string
  readonly clock: Pick<Clock, 'now'>
  readonly log: Logger
}

/** A URL that was found, with the request for it. */
interface Visit {
  readonly head: DoorHead
  readonly place: UrlPlace
  readonly owner: UrlOwner
  readonly url: FunctionUrl
}

const forbidden: DoorResponse = {
  status: 403,
  headers: { 'content-type': 'application/json', 'x-amzn-ErrorType': 'AccessDeniedException' },
  body: JSON.stringify({
    Message:
      'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html',
  }),
}

/**
 * Function URLs: `<id>.lambda-url.<region>.<domain>` or the path `/_url/<id>/…`. Payload format 2.0 in, response inference
 * or a stream out; CORS as configured; AuthType NONE or AWS_IAM, both under the function's resource policy.
 */
export class UrlDoor implements SiteDoor {
  readonly #deps: UrlDoorDeps

  constructor(deps: UrlDoorDeps) {
    this.#deps = deps
  }

  admit(head: DoorHead): Result<Admitted, DoorResponse> | undefined {
    const place = urlPlaceOf(head, this.#deps)
    if (!place) return undefined
    const owner = this.#deps.catalogue.functionOfUrl(place.urlId)
    const url = owner?.record.urls?.[owner.qualifier]
    // That there is no such URL is nobody's to know.
    if (!owner || !url) return err(forbidden)
    const visit: Visit = { head, place, owner, url }
    if (url.cors && isPreflight(head)) return err({ status: 200, headers: preflightHeaders(url.cors, head), body: '' })
    return url.authType === 'NONE' ? this.#admitAnybody(visit) : this.#admitSigned(visit)
  }

  #admitAnybody(visit: Visit): Result<Admitted, DoorResponse> {
    const { record } = visit.owner
    if (!anonymousMayUseUrl(record, qualifierOf(visit))) return err(withCors(visit, forbidden))
    return ok(this.#admitted(visit, () => ok(undefined)))
  }

  #admitSigned(visit: Visit): Result<Admitted, DoorResponse> {
    const { lookup, clock, region, signingKeys } = this.#deps
    const { head } = visit
    const opened = openSignature(head, lookup, clock.now(), { region, services: ['lambda'], signingKeys })
    if (!opened.ok) return err(withCors(visit, unsigned(opened.error, head)))
    return ok(
      this.#admitted(visit, (body) => {
        const verified = opened.value.verify(body)
        if (!verified.ok) return err(unsigned(verified.error, head))
        const { principal } = verified.value.owner
        return this.#mayCall(visit, principal) ? ok(principal) : err(forbidden)
      }),
    )
  }

  #mayCall(visit: Visit, principal: Principal): boolean {
    const { record } = visit.owner
    const qualifier = qualifierOf(visit)
    const policy = policyOf(record, qualifier)
    return this.#deps.authorizer.decide(principal, {
      action: 'lambda:InvokeFunctionUrl',
      resource: qualifier === undefined ? record.functionArn : `${record.functionArn}:${qualifier}`,
      resourceAccount: record.accountId,
      resourcePolicy: policy && compiledResourcePolicy(policy),
      context: {
        'lambda:functionurlauthtype': 'AWS_IAM',
        'lambda:functionarn': record.functionArn,
        'lambda:invokedviafunctionurl': 'true',
        'aws:sourceip': visit.head.sourceIp,
      },
    }).allowed
  }

  #admitted(visit: Visit, verify: (body: Buffer) => Result<Principal | undefined, DoorResponse>): Admitted {
    const { head, owner, url } = visit
    // Of a disabled account nobody here is told.
    const refuse = (error: AwsError): DoorResponse =>
      withCors(visit, error.code === 'AccessDeniedException' ? forbidden : encodeError(error, head.requestId))
    return {
      bodyLimit: siteBodyLimit,
      refuse,
      handle: async (body, signal) => {
        const caller = verify(body)
        if (!caller.ok) return withCors(visit, caller.error)
        const attributes = { 'http.request.method': head.method, 'weft.request_id': head.requestId }
        const options = { kind: 'server', parent: head.headers.traceparent, attributes } as const
        try {
          return await withSpan(`url ${owner.record.functionName}`, options, async (span) => {
            const response = withCors(visit, await this.#call(visit, body, caller.value, signal, refuse))
            span.set({ 'http.response.status_code': response.status })
            return response
          })
        } catch (error) {
          this.#deps.log.error({ err: error, requestId: head.requestId, urlId: url.urlId }, 'request failed')
          return withCors(visit, internalError)
        }
      },
    }
  }

  async #call(
    visit: Visit,
    body: Buffer,
    caller: Principal | undefined,
    signal: AbortSignal,
    refuse: (error: AwsError) => DoorResponse,
  ): Promise<DoorResponse> {
    const { head, owner, url } = visit
    const { record } = owner
    const traceHeader = traceOf(head, this.#deps.clock.now())
    const payload = Buffer.from(JSON.stringify(this.#event(visit, body, caller, traceHeader)))
    if (payload.byteLength > limits.syncPayloadBytes) return refuse(siteBodyLimit.tooLarge(payload.byteLength))
    const qualifier = qualifierOf(visit)
    const { accountId } = record
    const call = {
      invoke: this.#deps.invoke,
      // The call runs in the name of the function's account: who may make it has been settled.
      context: {
        principal: { accountId, arn: record.functionArn, keyId: url.urlId },
        requestId: head.requestId,
        signal,
      },
      input: {
        functionName: record.functionName,
        ...(qualifier !== undefined && { qualifier }),
        payload,
        invocationType: 'RequestResponse',
        logTail: false,
        traceHeader,
        ...(head.headers.traceparent !== undefined && { traceparent: head.headers.traceparent }),
      },
      refuse,
    } as const
    return url.invokeMode === 'RESPONSE_STREAM' ? answerStreamed(call) : answerWhole(call)
  }

  #event({ head, place }: Visit, body: Buffer, caller: Principal | undefined, traceHeader: string): unknown {
    return payload2(head, body, {
      accountId: caller?.accountId ?? 'anonymous',
      apiId: place.urlId,
      domainName: place.domainName,
      domainPrefix: place.urlId,
      routeKey: '$default',
      stage: '$default',
      rawPath: place.rawPath,
      nowMs: this.#deps.clock.now(),
      traceHeader,
      ...(caller && { authorizer: { iam: this.#iam(caller) } }),
    })
  }

  #iam(caller: Principal): unknown {
    const userId = userIdOf(this.#deps.identities, caller)
    const { keyId: accessKey, accountId, arn: userArn } = caller
    return { accessKey, accountId, callerId: userId, cognitoIdentity: null, principalOrgId: null, userArn, userId }
  }
}

/** Undefined for the URL of the function itself. */
const qualifierOf = ({ owner }: Visit): string | undefined => (owner.qualifier === LATEST ? undefined : owner.qualifier)

const withCors = ({ url, head }: Visit, response: DoorResponse): DoorResponse => {
  if (!url.cors) return response
  const own = corsHeaders(url.cors, head)
  const kept = Object.entries(response.headers).filter(([name]) => !(name.toLowerCase() in own))
  return { ...response, headers: { ...Object.fromEntries(kept), ...own } }
}

/** No signature at all is no right to be here; a wrong one is told what is wrong with it. */
const unsigned = (error: AwsError, head: DoorHead): DoorResponse =>
  error.code === 'MissingAuthenticationTokenException'
    ? forbidden
    : encodeError(awsError(error.code, error.message), head.requestId)
