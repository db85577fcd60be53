import type { IncomingMessage } from 'node:http'
import { type Clock, delay } from '@weft/platform'
import { parseChallenge } from './challenge.ts'
import { ImageFailure } from './image-failure.ts'
import type { ImageReference } from './reference.ts'
import type { RegistryAccess } from './registry-access.ts'
import type { RegistryCredential, RegistryCredentials } from './registry-credentials.ts'
import { asFailure, type RegistryHttp, readAtMost } from './registry-http.ts'

export interface RegistryParts {
  readonly access: RegistryAccess
  readonly http: RegistryHttp
  readonly credentials: RegistryCredentials
  readonly clock: Clock
  /** What was last shown for a repository and taken, so that not every question is challenged first. */
  readonly shown: Map<string, string>
}

export interface Ask {
  /** Below the repository, for example `manifests/latest`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly deadlineMs: number
}

const tries = 3
const mostShown = 1_000
const firstPauseMs = 250
const tokenDeadlineMs = 10_000
const mostTokenBytes = 256 * 1024

/** Questions about one repository, with what its registry wants to be shown. Throws ImageFailure. */
export class RegistrySession {
  readonly #parts: RegistryParts
  readonly #image: ImageReference
  readonly #signal: AbortSignal | undefined
  readonly #name: string

  constructor(parts: RegistryParts, image: ImageReference, signal?: AbortSignal) {
    this.#parts = parts
    this.#image = image
    this.#signal = signal
    this.#name = `${image.registry}/${image.repository}`
  }

  /** An answer of 200 or 206. What may pass is tried again. */
  async get(ask: Ask): Promise<IncomingMessage> {
    for (let pauseMs = firstPauseMs, left = tries; ; pauseMs *= 4) {
      left -= 1
      try {
        return await this.#admitted(ask)
      } catch (error) {
        const failure = asFailure(error)
        if (failure.kind !== 'unreachable' || left === 0 || this.#signal?.aborted) throw failure
        await delay(this.#parts.clock, pauseMs, this.#signal)
      }
    }
  }

  /** A challenge is answered once. */
  async #admitted(ask: Ask): Promise<IncomingMessage> {
    let response = await this.#send(ask)
    if (response.statusCode === 401) {
      const header = response.headers['www-authenticate']
      response.destroy()
      const authorization = await this.#answer(header)
      response = await this.#send(ask, authorization)
      if (response.statusCode !== 401) this.#remember(authorization)
    }
    const status = response.statusCode ?? 0
    if (status === 200 || status === 206) return response
    response.destroy()
    throw this.#refused(status, ask.path)
  }

  #remember(authorization: string): void {
    const { shown } = this.#parts
    const [oldest] = shown.keys()
    if (shown.size >= mostShown && oldest !== undefined) shown.delete(oldest)
    shown.set(this.#name, authorization)
  }

  #send(
    { path, headers, deadlineMs }: Ask,
    authorization = this.#parts.shown.get(this.#name),
  ): Promise<IncomingMessage> {
    const { access, http } = this.#parts
    const { registry, repository } = this.#image
    return http.fetch({
      url: new URL(`/v2/${repository}/${path}`, access.baseUrl(registry)),
      headers: { ...headers, ...(authorization !== undefined && { authorization }) },
      deadlineMs,
      ...(this.#signal && { signal: this.#signal }),
    })
  }

  async #answer(header: string | undefined): Promise<string> {
    const { registry } = this.#image
    const challenge = parseChallenge(header)
    if (!challenge) throw new ImageFailure('denied', `${registry} asks for ${header ?? 'nothing that can be shown'}`)
    const own = await this.#credential()
    if (own?.kind === 'registry-token') return `Bearer ${own.token}`
    if (challenge.scheme === 'bearer') return `Bearer ${await this.#token(challenge, own)}`
    if (own?.kind === 'password') return basic(own)
    throw new ImageFailure('denied', `there are no credentials for ${registry}`)
  }

  async #credential(): Promise<RegistryCredential | undefined> {
    const { registry, repository } = this.#image
    try {
      return await this.#parts.credentials(registry, repository)
    } catch (error) {
      throw new ImageFailure('denied', `the credentials for ${registry} cannot be read`, { cause: error })
    }
  }

  async #token(
    challenge: { readonly realm: string; readonly service?: string; readonly scope?: string },
    own: RegistryCredential | undefined,
  ): Promise<string> {
    const { http } = this.#parts
    const url = new URL(challenge.realm)
    const wish = {
      ...(challenge.service !== undefined && { service: challenge.service }),
      scope: challenge.scope ?? `repository:${this.#image.repository}:pull`,
    }
    const form = own?.kind === 'identity-token' ? { ...wish, ...refresh(own.token) } : undefined
    if (!form) for (const [name, value] of Object.entries(wish)) url.searchParams.set(name, value)
    const response = await http.fetch({
      url,
      deadlineMs: tokenDeadlineMs,
      ...(own?.kind === 'password' && { headers: { authorization: basic(own) } }),
      ...(form && { form: new URLSearchParams(form) }),
      ...(this.#signal && { signal: this.#signal }),
    })
    const status = response.statusCode ?? 0
    if (status !== 200) {
      response.destroy()
      throw this.#refused(status, 'token')
    }
    const token = tokenOf(await readAtMost(response, mostTokenBytes))
    if (token === undefined) throw new ImageFailure('denied', `${url.host} gave no token`)
    return token
  }

  #refused(status: number, path: string): ImageFailure {
    const text = `${this.#image.registry} answered ${status} for ${path}`
    if (status === 401 || status === 403) return new ImageFailure('denied', text)
    if (status === 404) return new ImageFailure('missing', text)
    // Too many requests, and whatever is wrong over there.
    return new ImageFailure(status === 429 || status >= 500 ? 'unreachable' : 'invalid', text)
  }
}

const basic = ({ username, password }: { readonly username: string; readonly password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

const refresh = (token: string) => ({ grant_type: 'refresh_token', refresh_token: token, client_id: 'weft' })

/** Token services say `token`, OAuth ones `access_token`, many both. Only what can stand in a header is one. */
function tokenOf(body: Buffer): string | undefined {
  let parsed: { readonly token?: unknown; readonly access_token?: unknown } | null
  try {
    parsed = JSON.parse(body.toString()) as typeof parsed
  } catch {
    return undefined
  }
  const token = parsed?.token ?? parsed?.access_token
  return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined
}
