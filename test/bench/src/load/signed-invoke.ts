import { signRequest } from '@weft/cli'
import type { FabricConnection } from '@weft/contracts'
import { httpRequest } from './http-connection.ts'

/**
 * Requests that invoke a function, signed. The signature covers method, path, date and body and the date has whole
 * seconds, so equal calls within a second have equal bytes: they are signed once, and the caller's own share of the
 * two processors stays as small as for servers that ask for no signature. The fabric verifies every one.
 */
export function signedInvoke(connection: FabricConnection, functionName: string, body: string): () => Buffer {
  const url = new URL(`/2015-03-31/functions/${functionName}/invocations`, connection.http)
  let signedForSecond = -1
  let request: Buffer = Buffer.alloc(0)
  return () => {
    const nowMs = Date.now()
    const second = Math.floor(nowMs / 1_000)
    if (second !== signedForSecond) {
      signedForSecond = second
      const headers = { 'content-type': 'application/json' }
      const signed = signRequest({ method: 'POST', url, service: 'lambda', headers, body }, connection, nowMs)
      request = httpRequest('POST', url.pathname, signed, body)
    }
    return request
  }
}
