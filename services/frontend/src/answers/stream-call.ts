import type { AnswerHead, AwsError, Result } from '@weft/contracts'
import type { Operations } from '../operations/api.ts'
import type { CallContext, InvokeInput, InvokeOutput } from '../operations/context.ts'
import { AnswerStream } from './answer-stream.ts'

export type StreamCall =
  /** The function streams; `outcome` tells after the last part how that ended. */
  | {
      readonly kind: 'streamed'
      readonly head: AnswerHead
      readonly parts: AsyncIterable<Uint8Array>
      readonly outcome: Promise<Result<InvokeOutput, AwsError>>
    }
  /** It did not, or nothing ran. */
  | { readonly kind: 'whole'; readonly outcome: Result<InvokeOutput, AwsError> }

/** Calls a function and resolves as soon as it is known whether it streams. Rejects for bugs and broken I/O only. */
export async function streamCall(
  invoke: Operations['invoke'],
  context: CallContext,
  input: InvokeInput,
): Promise<StreamCall> {
  const parts = new AnswerStream()
  const outcome = invoke(context, { ...input, sink: parts }).finally(() => parts.end())
  // Whoever reads the parts to their end awaits it; a reader that left before must not turn a rejection into a crash.
  outcome.catch(() => undefined)
  return Promise.race([
    parts.begun.then((head): StreamCall => ({ kind: 'streamed', head, parts, outcome })),
    outcome.then((result): StreamCall => ({ kind: 'whole', outcome: result })),
  ])
}
