import type { ServerResponse } from 'node:http'
import type { DoorResponse } from '../doors/door.ts'

/**
 * Sends an answer, whole or part by part: the next part is asked for only when the client has taken the last, and none
 * once it has gone. Rejects when the parts do, in the middle of the body.
 */
export async function send(
  response: ServerResponse,
  answer: DoorResponse,
  requestId: string,
  headOnly: boolean,
): Promise<void> {
  if (response.destroyed) return
  const { body, status } = answer
  response.statusCode = status
  response.setHeader('x-amzn-RequestId', requestId)
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  if (answer.cookies?.length) response.setHeader('set-cookie', answer.cookies)
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    await sendParts(response, body)
    return
  }
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  if (status !== 204 && !headOnly) response.setHeader('content-length', bytes)
  if (headOnly || status === 204) response.end()
  else response.end(body)
}

async function sendParts(response: ServerResponse, parts: AsyncIterable<Uint8Array>): Promise<void> {
  // The client learns that the answer begins though its first part may be long in coming.
  response.flushHeaders()
  const gone = new Promise<void>((resolve) => response.once('close', resolve))
  const reader = parts[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await Promise.race([reader.next(), gone])
      if (!next || next.done || response.destroyed) break
      if (!response.write(next.value)) await Promise.race([drained(response), gone])
    }
  } finally {
    if (response.destroyed) void reader.return?.()
  }
  response.end()
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => response.once('drain', () => resolve()))
