import { err, type HttpJwtAuthorizer, type HttpRequestAuthorizer, newRequestId, ok, type Result } from '@weft/contracts'
import type { Clock, Logger } from '@weft/platform'
import type { DoorResponse } from '../doors/door.ts'
import { traceOf } from '../doors/web/trace.ts'
import type { FunctionCalls } from './function-calls.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { decideByJwt } from './jwt-authorizer.ts'
import { authorizerEvent, identityOf, readVerdict, type Verdict } from './lambda-authorizer.ts'
import { answers, type Caller, eventOf, routeArn, type Visit } from './visit.ts'

export interface RouteAuthorizersDeps {
  readonly calls: FunctionCalls
  readonly issuerKeys: IssuerKeys
  readonly region: string
  readonly clock: Clock
  readonly log: Logger
}

/** AWS gives an authorizer's function ten seconds. */
const authorizerTimeoutMs = 10_000
/** Verdicts kept, of all APIs together; the oldest goes for a new one. */
const mostVerdicts = 10_000

/** Asks the authorizer of a route whether a request may pass: by its token, or by what a function says. */
export class RouteAuthorizers {
  readonly #deps: RouteAuthorizersDeps
  readonly #verdicts = new Map<string, { readonly verdict: Verdict; readonly untilMs: number }>()

  constructor(deps: RouteAuthorizersDeps) {
    this.#deps = deps
  }

  async decide(visit: Visit): Promise<Result<Caller, DoorResponse>> {
    const { route, place } = visit
    if (route.authorizationType === 'NONE') return ok({})
    const authorizer = place.surface.authorizers[route.authorizerId ?? '']
    if (!authorizer) return err(answers.internal)
    return authorizer.authorizerType === 'JWT' ? this.#byToken(visit, authorizer) : this.#byFunction(visit, authorizer)
  }

  async #byToken(visit: Visit, authorizer: HttpJwtAuthorizer): Promise<Result<Caller, DoorResponse>> {
    const { issuerKeys, clock, log } = this.#deps
    const { head, place, route } = visit
    const decision = await decideByJwt(head, authorizer, route, issuerKeys, clock.now())
    if (decision.allowed) {
      const jwt = { claims: decision.claims, scopes: decision.scopes }
      return ok({ authorizer: { jwt }, olderAuthorizer: jwt })
    }
    const { status, reason } = decision
    log.debug({ requestId: head.requestId, apiId: place.api.apiId, reason }, 'a token was refused')
    if (status === 403) return err(answers.forbidden)
    const { unauthorized } = answers
    return err({ ...unauthorized, headers: { ...unauthorized.headers, 'www-authenticate': 'Bearer' } })
  }

  async #byFunction(visit: Visit, authorizer: HttpRequestAuthorizer): Promise<Result<Caller, DoorResponse>> {
    const identity = identityOf(visit, authorizer.identitySource)
    if (!identity) return err(answers.unauthorized)
    const arn = routeArn(visit, this.#deps.region)
    const verdict = await this.#verdict(visit, authorizer, identity, arn)
    if (!verdict) return err(answers.internal)
    if (!verdict.allows(arn)) return err(answers.forbidden)
    const { context, principalId } = verdict
    return ok({ authorizer: { lambda: context }, olderAuthorizer: { ...context, principalId } })
  }

  /** From memory for as long as the authorizer says; undefined when its function failed or made no sense. */
  async #verdict(
    visit: Visit,
    authorizer: HttpRequestAuthorizer,
    identity: readonly string[],
    arn: string,
  ): Promise<Verdict | undefined> {
    const { clock } = this.#deps
    const { api, stage } = visit.place
    const keepMs = identity.length > 0 ? authorizer.authorizerResultTtlInSeconds * 1_000 : 0
    const key = JSON.stringify([api.apiId, stage.stageName, authorizer.authorizerId, identity])
    const known = this.#verdicts.get(key)
    if (known && keepMs > 0 && clock.monotonic() < known.untilMs) return known.verdict
    const verdict = await this.#ask(visit, authorizer, identity, arn)
    if (verdict && keepMs > 0) this.#keep(key, verdict, clock.monotonic() + keepMs)
    return verdict
  }

  #keep(key: string, verdict: Verdict, untilMs: number): void {
    this.#verdicts.delete(key)
    this.#verdicts.set(key, { verdict, untilMs })
    const [oldest] = this.#verdicts.keys()
    if (this.#verdicts.size > mostVerdicts && oldest !== undefined) this.#verdicts.delete(oldest)
  }

  async #ask(
    visit: Visit,
    authorizer: HttpRequestAuthorizer,
    identity: readonly string[],
    arn: string,
  ): Promise<Verdict | undefined> {
    const { clock, region, calls, log } = this.#deps
    const { head, place } = visit
    const { api } = place
    const { authorizerId, authorizerUri, authorizerPayloadFormatVersion: format } = authorizer
    const traceHeader = traceOf(head, clock.now())
    const event = eventOf(visit, format, Buffer.alloc(0), {}, traceHeader, clock.now()) as object
    const end = await calls.call({
      ...{ api, functionArn: authorizerUri, traceHeader, requestId: newRequestId(), timeoutMs: authorizerTimeoutMs },
      sourceArn: `arn:aws:execute-api:${region}:${api.accountId}:${api.apiId}/authorizers/${authorizerId}`,
      payload: Buffer.from(JSON.stringify(authorizerEvent(visit, event, authorizer, identity, arn))),
    })
    const output = end === 'refused' || end === 'late' || !end.ok ? undefined : end.value
    const answered = output?.kind === 'answered' && output.functionError === undefined ? output : undefined
    const verdict = answered && readVerdict(answered.payload, authorizer)
    if (!verdict)
      log.warn({ apiId: api.apiId, authorizerId, requestId: head.requestId }, 'an authorizer gave no verdict')
    return verdict
  }
}
