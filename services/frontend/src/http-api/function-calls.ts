import { type AccountId, type AwsError, type HttpApi, parseFunctionRef, type Result } from '@weft/contracts'
import type { Clock, Logger } from '@weft/platform'
import { serviceMayInvoke } from '@weft/policy'
import type { Catalogue } from '@weft/registry'
import type { Operations } from '../operations/api.ts'
import type { InvokeOutput } from '../operations/context.ts'

export interface FunctionCallsDeps {
  readonly catalogue: Pick<Catalogue, 'function'>
  readonly invoke: Operations['invokeAdmitted']
  readonly clock: Clock
  readonly log: Logger
}

export interface FunctionCall {
  readonly api: HttpApi
  /** ARN of the function, with its qualifier if it has one. */
  readonly functionArn: string
  /** What of the API calls it; the function's resource policy is asked about it. */
  readonly sourceArn: string
  readonly payload: Uint8Array
  readonly timeoutMs: number
  readonly requestId: string
  readonly traceHeader: string
  readonly traceparent?: string | undefined
  readonly signal?: AbortSignal
}

/** `refused`: the function does not let the API call it, or there is none. `late`: it runs on, but nobody waits. */
export type CallEnd = Result<InvokeOutput, AwsError> | 'refused' | 'late'

/** Calls functions in the name of APIs, which their resource policies must let in. */
export class FunctionCalls {
  readonly #deps: FunctionCallsDeps

  constructor(deps: FunctionCallsDeps) {
    this.#deps = deps
  }

  async call(call: FunctionCall): Promise<CallEnd> {
    const target = this.#targetOf(call)
    if (!target) return 'refused'
    const { accountId, functionName, functionArn, qualifier } = target
    const { api, requestId, signal, payload, traceHeader, traceparent, timeoutMs } = call
    const running = this.#deps.invoke(
      // In the name of the function's account: its policy has let the API in.
      { principal: { accountId, arn: functionArn, keyId: api.apiId }, requestId, ...(signal && { signal }) },
      {
        ...{ functionName, payload, invocationType: 'RequestResponse', logTail: false, traceHeader },
        ...(qualifier !== undefined && { qualifier }),
        ...(traceparent !== undefined && { traceparent }),
      },
    )
    return this.#within(timeoutMs, running)
  }

  #targetOf({ api, functionArn, sourceArn }: FunctionCall) {
    const { catalogue, log } = this.#deps
    const ref = parseFunctionRef(functionArn)
    if (!ref.ok || ref.value.accountId === undefined) return undefined
    const { accountId, functionName, qualifier } = ref.value
    const record = catalogue.function(accountId as AccountId, functionName)
    const call = { service: 'apigateway.amazonaws.com', sourceArn, sourceAccount: api.accountId }
    if (!record || !serviceMayInvoke(record, { ...call, ...(qualifier !== undefined && { qualifier }) })) {
      // For the owner of the API to read: the caller is told as little as by AWS.
      log.warn({ apiId: api.apiId, sourceArn, function: functionArn }, 'a function does not let an API call it')
      return undefined
    }
    return { accountId: record.accountId, functionName, functionArn: record.functionArn, qualifier }
  }

  async #within<T>(timeoutMs: number, running: Promise<T>): Promise<T | 'late'> {
    const late = Promise.withResolvers<'late'>()
    const timer = this.#deps.clock.schedule(timeoutMs, () => late.resolve('late'))
    try {
      return await Promise.race([running, late.promise])
    } finally {
      timer.cancel()
      running.catch(() => undefined)
    }
  }
}
