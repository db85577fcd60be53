import { type AwsError, awsError, err, functionArn, ok, type Result } from '@weft/contracts'
import { cancelInvocation, type InvocationBook, type TrackedEntry, type TrackedInvocation } from '@weft/delivery'
import type { Clock } from '@weft/platform'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { Principal } from '../door.ts'

export interface InvocationsDeps {
  readonly book: InvocationBook
  readonly authorizer: Authorizer
  readonly clock: Pick<Clock, 'now'>
  readonly region: string
}

export interface InvocationsCall {
  readonly principal: Principal
  readonly requestId: string
  readonly sourceIp?: string | undefined
}

export const isRequestId = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

/** Invocations whose results are kept, as REST and gRPC ask for them. Weft's own: AWS has no counterpart. */
export interface Invocations {
  /** Errors: ResourceNotFoundException, AccessDeniedException. */
  get(call: InvocationsCall): Promise<Result<TrackedEntry, AwsError>>
  /** Ends one that waits for a run. Errors: ResourceConflictException for one that runs or is over, and those of `get`. */
  cancel(call: InvocationsCall): Promise<Result<TrackedEntry, AwsError>>
}

export function invocationOperations({ book, authorizer, clock, region }: InvocationsDeps): Invocations {
  const find = async (
    { principal, requestId, sourceIp }: InvocationsCall,
    action: string,
  ): Promise<Result<TrackedEntry, AwsError>> => {
    const entry = isRequestId(requestId) ? await book.read(principal.accountId, requestId) : undefined
    const refused = authorizer.authorize(principal, {
      action,
      resource: entry ? arnOf(entry.invocation, region) : '*',
      context: { 'aws:sourceip': sourceIp },
    })
    if (refused) return err(refused)
    if (entry) return ok(entry)
    return err(awsError('ResourceNotFoundException', `The result of ${requestId} is not kept, or not any more.`))
  }
  return {
    get: (call) => find(call, 'weft:GetInvocation'),
    async cancel(call) {
      const entry = await find(call, 'weft:CancelInvocation')
      if (!entry.ok) return entry
      const after = await cancelInvocation(book, call.principal.accountId, call.requestId, clock.now())
      if (after?.state === 'cancelled') return ok({ ...entry.value, invocation: after })
      const message = `The invocation cannot be cancelled: it is ${after?.state ?? 'gone'}.`
      return err(awsError('ResourceConflictException', message))
    },
  }
}

export const arnOf = ({ accountId, functionName, qualifier }: TrackedInvocation, region: string): string =>
  functionArn(region, accountId, functionName, qualifier)
