// Streamed answers: the `awslambda` global of AWS's Node.js runtime, and the stream that a streaming handler writes to.
import { Writable } from 'node:stream'
import { BEGIN, CHUNK } from './frames.mjs'

/** AWS's own marks on a handler: code that was wrapped by another copy of the runtime's library is recognised by them. */
const streamingMark = Symbol.for('aws.lambda.runtime.handler.streaming')
const highWaterMark = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')

/** What the doors for HTTP know a prelude by. */
const httpContentType = 'application/vnd.awslambda.http-integration-response'
/** Bytes of one CHUNK frame at most. */
const longestChunk = 64 * 1024

/** An error that AWS's runtime would report by that name. */
const fault = (name, message) => Object.assign(new Error(message), { name })

/** The stream of one invocation: back-pressure reaches it when the host reads no more. */
export class ResponseStream extends Writable {
  #send
  #contentType = 'application/octet-stream'
  #prelude
  #begun = false

  /** `send(type, ...parts)` writes a frame under the invocation's request id. */
  constructor(send, handler) {
    super({ highWaterMark: handler[highWaterMark] })
    this.#send = send
  }

  /** The host has been told that the answer is streamed. */
  get begun() {
    return this.#begun
  }

  setContentType(contentType) {
    if (this.#begun) throw fault('Runtime.InvalidStreamingOperation', 'Cannot set content-type, too late.')
    this.#contentType = String(contentType)
  }

  setPrelude(prelude) {
    this.setContentType(httpContentType)
    // Eight zero bytes, which no JSON holds, end the prelude.
    this.#prelude = Buffer.from(`${JSON.stringify(prelude)}${'\0'.repeat(8)}`)
  }

  _write(chunk, _encoding, done) {
    this._writev([{ chunk }], done)
  }

  _writev(items, done) {
    this.#begin()
    const bytes = items.length === 1 ? items[0].chunk : Buffer.concat(items.map(({ chunk }) => chunk))
    if (bytes.length === 0) return done()
    for (let at = 0; at < bytes.length; at += longestChunk) {
      const part = bytes.subarray(at, at + longestChunk)
      // More is taken only once this has left.
      if (at + longestChunk < bytes.length) this.#send(CHUNK, part)
      else this.#send(CHUNK, part, () => done())
    }
  }

  _final(done) {
    this.#begin()
    done()
  }

  #begin() {
    if (this.#begun) return
    this.#begun = true
    this.#send(BEGIN, Buffer.from(this.#contentType, 'latin1'))
    if (this.#prelude) this.#send(CHUNK, this.#prelude)
  }
}

export const isStreaming = (handler) => handler[streamingMark] === 'response'

/** What handlers find as the global `awslambda`. */
export const awslambda = Object.freeze({
  streamifyResponse(handler, options) {
    handler[streamingMark] = 'response'
    handler[highWaterMark] = options?.highWaterMark
    return handler
  },
  HttpResponseStream: Object.freeze({
    /** The same stream, told to begin with status and headers. */
    from(stream, prelude) {
      stream.setPrelude(prelude)
      return stream
    },
  }),
})

/**
 * Runs a streaming handler. `end()` when the handler and its stream have both come to their end, `fail(error)` when
 * either fails: then only after what was written has left.
 */
export function runStreaming(handler, event, stream, context, { end, fail, warn }) {
  const flushed = new Promise((resolve) => stream.once('finish', resolve))
  stream.on('error', fail)
  stream.once('close', () => {
    if (!stream.writableFinished)
      fail(fault('Runtime.TruncatedResponse', 'The response stream was closed before its end.'))
  })
  const failLater = (error) => {
    if (!stream.begun || stream.destroyed) return fail(error)
    stream.end()
    void flushed.then(() => fail(error))
  }
  let running
  try {
    running = handler(event, stream, context)
  } catch (error) {
    return failLater(error)
  }
  if (typeof running?.then !== 'function')
    return failLater(fault('Runtime.InvalidStreamingOperation', 'Streaming does not support non-async handlers.'))
  running.then((value) => {
    if (value !== undefined) warn('Streaming handlers ignore return values.')
    if (!stream.writableEnded) warn('Response stream is not finished.')
    return flushed.then(end)
  }, failLater)
}
