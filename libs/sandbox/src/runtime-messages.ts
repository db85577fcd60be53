import { limits } from '@weft/contracts'
import { fromRuntime, ProtocolViolation, type RuntimeFrame, requestIdBytes } from './frames.ts'

/** What a runtime says, over frames or over the Runtime API. */
export type RuntimeMessage =
  | { readonly kind: 'hello' }
  | { readonly kind: 'ready' }
  /** Over the Runtime API: it waits for the next invocation. Over frames an answer says so. */
  | { readonly kind: 'next' }
  | { readonly kind: 'init-error'; readonly document: Buffer }
  /** With SnapStart: the hooks after the restoring have run, or one has failed. */
  | { readonly kind: 'restored' }
  | { readonly kind: 'restore-error'; readonly document: Buffer }
  | { readonly kind: 'response'; readonly requestId: string; readonly payload: Buffer }
  /** `fatal`: the runtime ends itself after it. */
  | { readonly kind: 'error'; readonly requestId: string; readonly document: Buffer; readonly fatal: boolean }
  /** An answer above the limit; its bytes were not kept. */
  | { readonly kind: 'oversize'; readonly requestId: string }
  /** A streamed answer: its beginning, a part, its end. An error may come instead of the end. */
  | { readonly kind: 'begin'; readonly requestId: string; readonly contentType: string }
  | { readonly kind: 'chunk'; readonly requestId: string; readonly payload: Buffer }
  | { readonly kind: 'end'; readonly requestId: string }
  | { readonly kind: 'log'; readonly message: string }

/** Bytes of one part of a streamed answer at most. */
export const longestChunkBytes = 64 * 1024
/** A content type becomes a header; a longer one is no content type. */
const longestContentType = 1_024

/** An answer with its id; a log line with its time is shorter. */
export const longestFrameBytes = 1 + requestIdBytes + limits.syncResponseBytes

const stampBytes = 8

/** Reads a frame from a runtime; throws a ProtocolViolation for one that no runtime of ours sends. */
export function readMessage({ type, body }: RuntimeFrame): RuntimeMessage {
  switch (type) {
    case fromRuntime.hello:
      return { kind: 'hello' }
    case fromRuntime.ready:
      return { kind: 'ready' }
    case fromRuntime.initError:
      return { kind: 'init-error', document: body }
    case fromRuntime.restored:
      return { kind: 'restored' }
    case fromRuntime.restoreError:
      return { kind: 'restore-error', document: body }
    case fromRuntime.response:
      return { kind: 'response', ...answer(body) }
    case fromRuntime.error:
    case fromRuntime.fatal: {
      const { requestId, payload } = answer(body)
      return { kind: 'error', requestId, document: payload, fatal: type === fromRuntime.fatal }
    }
    case fromRuntime.begin: {
      const { requestId, payload } = answer(body)
      return { kind: 'begin', requestId, contentType: contentTypeOf(payload.toString('latin1')) }
    }
    case fromRuntime.chunk: {
      const { requestId, payload } = answer(body)
      if (payload.length > longestChunkBytes) throw new ProtocolViolation(`a part of ${payload.length} bytes`)
      return { kind: 'chunk', requestId, payload }
    }
    case fromRuntime.end:
      return { kind: 'end', requestId: answer(body).requestId }
    case fromRuntime.log:
      if (body.length < stampBytes) throw new ProtocolViolation('a log line without a time')
      // The stamp is the sandbox's word; lines are stamped as they arrive.
      return { kind: 'log', message: body.toString('utf8', stampBytes) }
    default:
      throw new ProtocolViolation(`a frame of unknown type ${type}`)
  }
}

function answer(body: Buffer): { requestId: string; payload: Buffer } {
  if (body.length < requestIdBytes) throw new ProtocolViolation('an answer without a request id')
  return { requestId: body.toString('latin1', 0, requestIdBytes), payload: body.subarray(requestIdBytes) }
}

/** Printable ASCII as a header may carry it; anything else counts as not given. */
export const contentTypeOf = (text: string | undefined): string =>
  text !== undefined && text.length <= longestContentType && /^[ -~]+$/.test(text) ? text : 'application/octet-stream'
