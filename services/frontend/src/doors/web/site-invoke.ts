import { type AwsError, awsError, limits, type Result } from '@weft/contracts'
import { streamCall } from '../../answers/stream-call.ts'
import type { Operations } from '../../operations/api.ts'
import type { CallContext, InvokeInput, InvokeOutput } from '../../operations/context.ts'
import type { BodyLimit, DoorResponse } from '../door.ts'
import { httpStreamType, PreludeReader } from './prelude.ts'
import { type WebAnswer, webAnswer } from './web-answer.ts'

/** Body of a request to a function, bytes: what its event may take. */
export const siteBodyLimit: BodyLimit = {
  limitBytes: limits.syncPayloadBytes,
  tooLarge: () =>
    awsError(
      'RequestEntityTooLargeException',
      `Request must be smaller than ${limits.syncPayloadBytes} bytes for the InvokeFunction operation`,
    ),
}

export const internalError: DoorResponse = {
  status: 502,
  headers: { 'content-type': 'application/json' },
  body: 'Internal Server Error',
}

export interface SiteCall {
  readonly invoke: Operations['invokeAdmitted']
  readonly context: CallContext
  readonly input: InvokeInput
  /** Words a refusal: throttles, events that are too large. */
  readonly refuse: (error: AwsError) => DoorResponse
}

/** Runs the function and answers with its response. A function that fails, or answers what is none, is a 502. */
export async function answerWhole(call: SiteCall): Promise<DoorResponse> {
  return fromOutcome(await call.invoke(call.context, call.input), call, (payload) => wholeAnswer(payload))
}

/**
 * The same part by part: a response that begins with a prelude has its status and headers, any other stream is the body of
 * a 200, and so is the answer of a function that does not stream. A failure in mid stream breaks the response off.
 */
export async function answerStreamed(call: SiteCall): Promise<DoorResponse> {
  const running = await streamCall(call.invoke, call.context, call.input)
  if (running.kind === 'whole') return fromOutcome(running.outcome, call, plain)
  const parts = running.parts[Symbol.asyncIterator]()
  const { contentType } = running.head
  if (contentType !== httpStreamType) {
    const body = restOf(undefined, parts, running.outcome)
    return { status: 200, headers: { 'content-type': contentType }, body }
  }
  const reader = new PreludeReader()
  for (;;) {
    const next = await parts.next()
    const read = next.done ? undefined : reader.push(next.value)
    if (read === undefined) {
      // Nothing has been sent yet, so the failure can still be told.
      await parts.return?.()
      return internalError
    }
    if (read === 'more') continue
    return { ...read.head, body: restOf(read.rest, parts, running.outcome) }
  }
}

async function* restOf(
  first: Uint8Array | undefined,
  parts: AsyncIterator<Uint8Array>,
  outcome: Promise<Result<InvokeOutput, AwsError>>,
): AsyncGenerator<Uint8Array> {
  try {
    if (first && first.byteLength > 0) yield first
    for (;;) {
      const next = await parts.next()
      if (next.done) break
      yield next.value
    }
  } finally {
    await parts.return?.()
  }
  const ended = await outcome
  if (!ended.ok || ended.value.kind !== 'answered' || ended.value.functionError !== undefined) throw new BrokenAnswer()
}

/** A function failed after its answer had begun; what it failed of is in its log. */
export class BrokenAnswer extends Error {
  constructor() {
    super('the answer broke off')
  }
}

function fromOutcome(
  outcome: Result<InvokeOutput, AwsError>,
  { refuse }: SiteCall,
  read: (payload: Uint8Array) => WebAnswer | undefined,
): DoorResponse {
  if (!outcome.ok) return refuse(outcome.error)
  const { value } = outcome
  if (value.kind !== 'answered' || value.functionError !== undefined) return internalError
  return read(value.payload) ?? internalError
}

const plain = (payload: Uint8Array): WebAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  cookies: [],
  body: Buffer.from(payload),
})

/** A response of payload format 2.0, also one that was streamed with a prelude and collected on the way. */
export function wholeAnswer(payload: Uint8Array, defaultType?: string): WebAnswer | undefined {
  const answer = webAnswer(payload, defaultType)
  if (answer) return answer
  const read = new PreludeReader().push(payload)
  return read === undefined || read === 'more' ? undefined : { ...read.head, body: read.rest }
}
