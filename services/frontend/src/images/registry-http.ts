import { lookup as resolveName } from 'node:dns'
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { finished } from 'node:stream'
import type { Clock } from '@weft/platform'
import { ImageFailure } from './image-failure.ts'
import type { RegistryAccess } from './registry-access.ts'

export interface RegistryRequest {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Sent by POST, as a form. */
  readonly form?: URLSearchParams
  /** For everything, the last byte of the answer included, ms. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

const mostRedirects = 5
/** A connection on which nothing moves is given up, ms. */
const idleMs = 30_000

/**
 * HTTP to registries and to what they lead to. Every address is looked at when it is connected to, so neither a redirect
 * nor a name that changes leads to one that is refused. Throws ImageFailure.
 */
export class RegistryHttp {
  readonly #access: RegistryAccess
  readonly #clock: Clock
  readonly #plain = new PlainAgent({ keepAlive: true, maxSockets: 16 })
  readonly #tls = new TlsAgent({ keepAlive: true, maxSockets: 16 })

  constructor(access: RegistryAccess, clock: Clock) {
    this.#access = access
    this.#clock = clock
  }

  /** The answer, redirects followed; its body is the caller's to read or destroy. */
  async fetch(request: RegistryRequest): Promise<IncomingMessage> {
    let { url, headers = {} } = request
    const stop = this.#deadline(request)
    try {
      for (let left = mostRedirects; left >= 0; left--) {
        const response = await this.#send({ ...request, url, headers }, stop.signal)
        const { statusCode = 0, headers: answer } = response
        if (![301, 302, 303, 307, 308].includes(statusCode) || answer.location === undefined) {
          finished(response, () => stop.cancel())
          return response
        }
        response.destroy()
        if (!URL.canParse(answer.location, url.href))
          throw new ImageFailure('unreachable', `${url.host} redirects to nowhere`)
        const next = new URL(answer.location, url)
        if (next.origin !== url.origin) {
          const { authorization: _own, ...others } = headers
          headers = others
        }
        url = next
      }
      throw new ImageFailure('unreachable', `${request.url.host} redirects too often`)
    } catch (error) {
      stop.cancel()
      throw error
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#tls.destroy()
  }

  #deadline({ url, deadlineMs, signal }: RegistryRequest) {
    const stop = new AbortController()
    const abort = (): void => stop.abort(new ImageFailure('unreachable', `${url.host} was given up`))
    const timer = this.#clock.schedule(deadlineMs, () =>
      stop.abort(new ImageFailure('unreachable', `${url.host} took longer than ${deadlineMs} ms`)),
    )
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    return {
      signal: stop.signal,
      cancel() {
        timer.cancel()
        signal?.removeEventListener('abort', abort)
      },
    }
  }

  #send({ url, headers, form }: RegistryRequest, signal: AbortSignal): Promise<IncomingMessage> {
    if (!this.#access.allowsUrl(url))
      throw new ImageFailure('forbidden', `${url.protocol}//${url.host} may not be asked`)
    const isTls = url.protocol === 'https:'
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const request = (isTls ? tlsRequest : plainRequest)(url, {
      agent: isTls ? this.#tls : this.#plain,
      lookup: this.#lookup(url),
      method: form ? 'POST' : 'GET',
      headers: {
        'user-agent': 'weft',
        'accept-encoding': 'identity',
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      timeout: idleMs,
    })
    const abort = (): void => void request.destroy(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    request.on('timeout', () => request.destroy(new ImageFailure('unreachable', `${url.host} is silent`)))
    request.on('close', () => signal.removeEventListener('abort', abort))
    request.on('error', (error) =>
      reject(error instanceof ImageFailure ? error : new ImageFailure('unreachable', error.message, { cause: error })),
    )
    request.on('response', resolve)
    request.end(form?.toString())
    return promise
  }

  /** Leaves out the addresses that may not be connected to. */
  #lookup(url: URL): LookupFunction {
    return (hostname, options, callback) =>
      resolveName(hostname, { ...options, all: true }, (error, found) => {
        const [first, ...more] = error ? [] : found.filter(({ address }) => this.#access.allowsAddress(url, address))
        if (error) callback(error, [])
        else if (!first) callback(new ImageFailure('forbidden', `${hostname} leads to an address inside`), [])
        else if (options.all) callback(null, [first, ...more])
        else callback(null, first.address, first.family)
      })
  }
}

/** The whole body, of at most so many bytes. Throws ImageFailure. */
export async function readAtMost(response: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      bytes += part.byteLength
      if (bytes > mostBytes) throw new ImageFailure('too-large', `more than ${mostBytes} bytes`)
      parts.push(part)
    }
  } catch (error) {
    throw asFailure(error)
  }
  return Buffer.concat(parts)
}

/** A broken connection. */
export const asFailure = (error: unknown): ImageFailure =>
  error instanceof ImageFailure
    ? error
    : new ImageFailure('unreachable', error instanceof Error ? error.message : String(error), { cause: error })
