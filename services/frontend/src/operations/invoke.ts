import { validateInput } from '@weft/aws'
import {
  type AwsError,
  awsError,
  err,
  type InvokeOutcome,
  ok,
  type ResolvedFunction,
  type Result,
} from '@weft/contracts'
import { currentTraceparent } from '@weft/platform'
import { checkTenant, hasSnapStart, nameFunction, notServed, resolveCall, type Scope } from '@weft/registry'
import { acceptEvent } from './accept-event.ts'
import type { Operations } from './api.ts'
import type { CallContext, InvokeInput, InvokeOutput } from './context.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { enterFunction } from './enter-function.ts'
import { checkClientContext, checkPayload, checkState } from './invocation-input.ts'
import { catalogueWith } from './lookup.ts'
import { checkSnapStartState, restoreFailed } from './snap-start.ts'
import { checkTracking, trackCall } from './track-call.ts'

/** What an invocation and an event have in common: a function that exists, is active, and JSON that fits. */
export async function prepare(
  deps: OperationDeps,
  scope: Scope,
  input: Pick<InvokeInput, 'functionName' | 'qualifier' | 'payload' | 'invocationType' | 'tenantId'>,
): Promise<Result<{ readonly target: ResolvedFunction; readonly payload: Uint8Array }, AwsError>> {
  const problem = validateInput('Invoke', { FunctionName: input.functionName, Qualifier: input.qualifier })
  if (problem) return err(problem)
  // Doors that know no caller, and triggers, come to an account by its function.
  if (!deps.catalogue.account(scope.accountId))
    return err(awsError('AccessDeniedException', `Account ${scope.accountId} is disabled or does not exist.`))
  const target = await resolve(deps, scope, input.functionName, input.qualifier)
  if (!target.ok) return target
  const tenant = checkTenant(target.value.record, input.tenantId)
  if (!tenant.ok) return tenant
  const payload = checkPayload(input.payload, input.invocationType)
  if (!payload.ok) return payload
  const state =
    checkState(target.value) ??
    (hasSnapStart(target.value.version) ? await checkSnapStartState(deps, scope, target.value) : undefined)
  return state ? err(state) : ok({ target: target.value, payload: payload.value })
}

/** From memory; only a function, version or alias that is not there is looked for in the store. */
async function resolve(deps: OperationDeps, scope: Scope, ref: string, qualifier: string | undefined) {
  const named = nameFunction(scope, ref, qualifier)
  if (!named.ok) return named
  const known = resolveCall(deps.catalogue, scope, ref, qualifier, deps.random)
  if (known.ok) return known
  return resolveCall(await catalogueWith(deps, scope, ref, qualifier), scope, ref, qualifier, deps.random)
}

export const invoke =
  (deps: OperationDeps): Operations['invoke'] =>
  async (context, input) => {
    const clientContext = checkClientContext(input.clientContext)
    if (clientContext) return err(clientContext)
    const prepared = await prepare(deps, scopeOf(deps, context.principal), input)
    if (!prepared.ok) return prepared
    const { target, payload } = prepared.value
    if (input.invocationType === 'DryRun') return ok({ kind: 'dry-run' })
    const { tracking } = input
    if (!tracking) return carryOut(deps, context, target, payload, input)
    const problem = checkTracking(tracking)
    if (problem) return err(problem)
    const { book } = deps
    if (!book) return notServed('An idempotency key')
    const run = (own: CallContext) => carryOut(deps, own, target, payload, input)
    return trackCall({ ...deps, book }, { context, target, payload, input, tracking, run })
  }

async function carryOut(
  deps: OperationDeps,
  context: CallContext,
  target: ResolvedFunction,
  payload: Uint8Array,
  input: InvokeInput,
): Promise<Result<InvokeOutput, AwsError>> {
  if (input.invocationType === 'Event') {
    const accepted = await acceptEvent(deps, context, target, payload, input, input.tracking !== undefined)
    return accepted.ok ? ok({ kind: 'accepted' }) : accepted
  }
  const entered = enterFunction(deps, context, target, input.traceHeader)
  if (!entered.ok) return entered
  const traceparent = currentTraceparent(input.traceparent)
  const outcome = await deps.invoker.invoke(
    {
      requestId: context.requestId,
      target,
      payload,
      source: 'sync',
      attempt: 1,
      logTail: input.logTail,
      acceptedAtMs: deps.clock.now(),
      ...(input.clientContext !== undefined && { clientContext: input.clientContext }),
      ...(input.tenantId !== undefined && { tenantId: input.tenantId }),
      traceHeader: entered.value,
      ...(traceparent !== undefined && { traceparent }),
      ...(input.sink && { sink: input.sink }),
    },
    context.signal,
  )
  return settle(deps, context, target, input, outcome)
}

function settle(
  deps: OperationDeps,
  context: CallContext,
  target: ResolvedFunction,
  input: InvokeInput,
  outcome: InvokeOutcome,
): Result<InvokeOutput, AwsError> {
  const { record } = target
  switch (outcome.kind) {
    case 'succeeded':
    case 'function-error':
      if (outcome.restoreFailed) return err(restoreFailed(outcome.restoreFailed))
      return ok({
        kind: 'answered',
        payload: outcome.payload,
        executedVersion: outcome.executedVersion,
        ...(outcome.kind === 'function-error' && { functionError: 'Unhandled' as const }),
        ...(input.logTail && { logTail: outcome.logTail }),
      })
    case 'throttled':
      deps.facts.record({
        type: 'throttle',
        requestId: context.requestId,
        accountId: record.accountId,
        functionName: record.functionName,
        reason: outcome.reason,
        atMs: deps.clock.now(),
      })
      return err(
        awsError('TooManyRequestsException', 'Rate Exceeded.', {
          reason: outcome.reason,
          retryAfterSeconds: outcome.retryAfterSeconds,
        }),
      )
    case 'platform-error':
      deps.log.error(
        {
          requestId: context.requestId,
          function: record.functionArn,
          detail: outcome.detail,
          mayHaveRun: outcome.mayHaveRun,
        },
        'invocation failed in the platform',
      )
      if (outcome.notOffered)
        return err(awsError('ResourceNotReadyException', `The function cannot run: ${outcome.detail}.`))
      return err(
        awsError(
          'ServiceException',
          outcome.mayHaveRun
            ? 'Internal service error. The function may have run.'
            : 'Internal service error. The function did not run.',
        ),
      )
  }
}
