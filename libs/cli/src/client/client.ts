import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import { err, type FabricConnection, ok, type Result } from '@weft/contracts'
import { type Clock, systemClock } from '@weft/platform'
import { signRequest } from './sign.ts'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Why a call brought no result: the fabric refused it (an AWS error) or could not be reached (status 0). */
export interface ClientError {
  readonly status: number
  readonly code: string
  readonly message: string
}

export interface Invocation {
  readonly requestId: string
  readonly status: number
  readonly payload: Buffer
  /** "Unhandled" when the function failed; the payload then tells how. */
  readonly functionError: string | undefined
  readonly executedVersion: string | undefined
  /** The last 4 KB of the log when asked for. */
  readonly logTail: string | undefined
}

export interface InvokeOptions {
  readonly type?: 'RequestResponse' | 'Event' | 'DryRun'
  readonly qualifier?: string
  /** For a function that keeps tenants apart. */
  readonly tenantId?: string
  readonly logTail?: boolean
  /** Has the result kept for so long after the end. */
  readonly keepResultSeconds?: number
}

export interface LogEvent {
  readonly eventId: string
  readonly logStreamName: string
  /** Epoch ms. */
  readonly timestamp: number
  readonly message: string
}

/** Longer than the longest function, so that the fabric's own timeout is the one that is seen. */
const answerWithinMs = 930_000

/** A small client of the HTTP door, for the command, the main job and the benchmark: signs, sends, reads AWS's errors. */
export class FabricClient implements Disposable {
  readonly #connection: FabricConnection
  readonly #clock: Clock
  readonly #agent = new Agent({ keepAlive: true })
  readonly #tlsAgent = new TlsAgent({ keepAlive: true })

  constructor(connection: FabricConnection, clock: Clock = systemClock) {
    this.#connection = connection
    this.#clock = clock
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
    this.#tlsAgent.destroy()
  }

  async invoke(
    name: string,
    payload: string | Uint8Array,
    options: InvokeOptions = {},
  ): Promise<Result<Invocation, ClientError>> {
    const query = options.qualifier === undefined ? '' : `?Qualifier=${encodeURIComponent(options.qualifier)}`
    const answer = await this.send(
      'lambda',
      'POST',
      `/2015-03-31/functions/${encodeURIComponent(name)}/invocations${query}`,
      {
        'x-amz-invocation-type': options.type ?? 'RequestResponse',
        ...(options.tenantId !== undefined && { 'x-amz-tenant-id': options.tenantId }),
        ...(options.logTail && { 'x-amz-log-type': 'Tail' }),
        ...(options.keepResultSeconds !== undefined && { 'x-weft-keep-result': `${options.keepResultSeconds}` }),
      },
      payload,
    )
    if (!answer.ok) return answer
    const { headers, body, status } = answer.value
    const header = (key: string): string | undefined => headers[key]?.toString()
    const tail = header('x-amz-log-result')
    return ok({
      requestId: header('x-amzn-requestid') ?? '',
      status,
      payload: body,
      functionError: header('x-amz-function-error'),
      executedVersion: header('x-amz-executed-version'),
      logTail: tail === undefined ? undefined : Buffer.from(tail, 'base64').toString('utf8'),
    })
  }

  /** Log events of a group in order of time, from `sinceMs` (epoch) on; all pages. */
  async logEvents(logGroupName: string, sinceMs: number): Promise<Result<LogEvent[], ClientError>> {
    const events: LogEvent[] = []
    let nextToken: string | undefined
    do {
      const page = await this.#logs<{ events?: LogEvent[]; nextToken?: string }>('FilterLogEvents', {
        logGroupName,
        startTime: sinceMs,
        ...(nextToken !== undefined && { nextToken }),
      })
      if (!page.ok) return page
      events.push(...(page.value.events ?? []))
      nextToken = page.value.nextToken
    } while (nextToken !== undefined)
    return ok(events)
  }

  async #logs<T>(operation: string, input: object): Promise<Result<T, ClientError>> {
    const answer = await this.send(
      'logs',
      'POST',
      '/',
      { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Logs_20140328.${operation}` },
      JSON.stringify(input),
    )
    return answer.ok ? ok(JSON.parse(answer.value.body.toString('utf8')) as T) : answer
  }

  /** Sends one signed request. Statuses of 400 and more are errors. */
  async send(
    service: string,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ): Promise<Result<Answer, ClientError>> {
    const url = new URL(path, this.#connection.http)
    const signed = signRequest({ method, url, service, headers, body }, this.#connection, this.#clock.now())
    const answer = await this.#exchange(url, method, signed, body)
    return answer.ok && answer.value.status >= 400 ? err(awsErrorOf(answer.value)) : answer
  }

  /** An unsigned GET, for the health paths; any status is an answer. */
  get(path: string): Promise<Result<Answer, ClientError>> {
    return this.#exchange(new URL(path, this.#connection.http), 'GET', {}, '')
  }

  /** Without signature, of another server than the fabric's door. */
  getFrom(origin: string, path: string): Promise<Result<Answer, ClientError>> {
    return this.#exchange(new URL(path, origin), 'GET', {}, '')
  }

  #exchange(
    url: URL,
    method: string,
    headers: Record<string, string>,
    body: string | Uint8Array,
  ): Promise<Result<Answer, ClientError>> {
    return new Promise((resolve) => {
      const unreachable = (error: Error): void =>
        resolve(err({ status: 0, code: 'Unreachable', message: `${url.origin}: ${error.message || error.name}` }))
      const secure = url.protocol === 'https:'
      const call = (secure ? tlsRequest : request)(
        url,
        {
          method,
          agent: secure ? this.#tlsAgent : this.#agent,
          timeout: answerWithinMs,
          headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', unreachable)
          response.on('end', () =>
            resolve(ok({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) })),
          )
        },
      )
      call.on('timeout', () => call.destroy(new Error(`no answer within ${answerWithinMs / 1000} s`)))
      call.on('error', unreachable)
      call.end(body)
    })
  }
}

/** Reads code and message of an AWS error reply: REST-JSON names the code in a header, JSON 1.1 in the body. */
export function awsErrorOf(answer: Answer): ClientError {
  let body: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(answer.body.toString('utf8'))
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>
  } catch {
    // Not JSON: an S3 error or something that is no fabric; the text is the message.
    body = { message: answer.body.toString('utf8').slice(0, 500) }
  }
  const text = (...values: unknown[]): string | undefined =>
    values.find((value): value is string => typeof value === 'string')
  const code = text(answer.headers['x-amzn-errortype'], body.__type, body.code, body.Code) ?? `Http${answer.status}`
  return {
    status: answer.status,
    code: code.replace(/^.*#/, '').replace(/:.*$/, ''),
    message: text(body.message, body.Message, body.errorMessage) ?? '',
  }
}
