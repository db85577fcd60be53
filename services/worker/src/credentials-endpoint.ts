import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock, Logger } from '@weft/platform'
import type { ApiResponse, CredentialsEndpoint, SessionCredentials } from '@weft/sandbox'
import type { Body } from './boot.ts'
import { sendAnswer } from './inside-api.ts'

export interface CredentialsParts {
  readonly body: Pick<Body, 'inside' | 'runtimeApi'>
  readonly credentials: () => Promise<SessionCredentials | undefined>
  readonly clock: Clock
  readonly log: Logger
}

const path = '/2021-04-23/credentials'
/** How long they are said to be good, ms: far less than they are, so that nobody uses them up to their last moment. */
const saidToLastMs = 60 * 60_000

const json = (status: number, value: unknown): ApiResponse => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
})

/**
 * Serves a function with SnapStart its session credentials on demand: those that it found in its environment would be as old
 * as its initialisation. SDKs ask by themselves. Undefined where the driver has no APIs inside.
 */
export function serveCredentials({ body, credentials, clock, log }: CredentialsParts): CredentialsEndpoint | undefined {
  const { inside, runtimeApi } = body
  if (!inside) return undefined
  const token = randomBytes(32).toString('base64url')
  const expected = Buffer.from(token)
  const answer = async (given: Buffer, method: string | undefined): Promise<ApiResponse> => {
    if (method !== 'GET') return json(405, { errorType: 'MethodNotAllowed', errorMessage: 'Method not allowed' })
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return json(403, {
        errorType: 'Forbidden',
        errorMessage: 'The authorization token is not the one of this environment',
      })
    const session = await credentials()
    if (!session) return json(404, { errorType: 'NotFound', errorMessage: 'The function has no session credentials' })
    return json(200, {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      Token: session.sessionToken,
      Expiration: new Date(clock.now() + saidToLastMs).toISOString(),
    })
  }
  inside.route(path, (request, response) => {
    request.resume()
    void answer(Buffer.from(request.headers.authorization ?? ''), request.method)
      .catch((error: unknown) => {
        log.warn({ err: error }, 'session credentials could not be given')
        return json(500, { errorType: 'InternalError', errorMessage: 'The credentials could not be fetched' })
      })
      .then((told) => sendAnswer(response, told))
  })
  return { url: `http://${runtimeApi}${path}`, token }
}
