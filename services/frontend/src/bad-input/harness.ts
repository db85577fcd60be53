import { afterAll, beforeAll, expect, vi } from 'vitest'
import {
  account,
  type RawRequest,
  type RawResponse,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from '../testing/index.ts'

export const functions = '/2015-03-31/functions'
export const invocations = `${functions}/one/invocations`
export const json = (value: unknown): string => JSON.stringify(value)
export const get = (path: string): RawRequest => ({ method: 'GET', path })

export interface BadInput {
  readonly frontend: () => TestFrontend
  /** Members of a CreateFunction that would succeed, of a function `fresh`. */
  readonly good: () => { readonly Code: { readonly ZipFile: string } }
  send(request: RawRequest): Promise<RawResponse>
  /** A clear refusal: a 4xx with a code and a message; and the next good request works. */
  refuses(family: string, requests: readonly RawRequest[], code?: RegExp): Promise<void>
  /** Counts inputs that a test sends by itself. */
  count(inputs: number): void
  /** The good creation with a change. */
  creation(change: object): RawRequest
  configuration(change: object): RawRequest
  /** The same member in a creation and in a change. */
  setting(change: object): RawRequest[]
  /** A package in a creation and in a change. */
  packaged(zip: Buffer): RawRequest[]
}

/** Hundreds of requests on a machine that may be busy. */
const testTimeoutMs = 120_000

/** Starts a frontend with a function `one` for a file of tests, and prints how many bad inputs were tried. */
export function useBadInput(title: string): BadInput {
  let frontend: TestFrontend
  let good: { readonly Code: { readonly ZipFile: string } }
  let tried = 0
  const send = (request: RawRequest): Promise<RawResponse> => rawRequest(frontend.endpoint, request)
  const creation = (change: object): RawRequest => ({ path: functions, body: json({ ...good, ...change }) })
  const configuration = (change: object): RawRequest => ({
    method: 'PUT',
    path: `${functions}/one/configuration`,
    body: json(change),
  })

  vi.setConfig({ testTimeout: testTimeoutMs, hookTimeout: testTimeoutMs })
  beforeAll(async () => {
    frontend = await startTestFrontend()
    const members = { FunctionName: 'fresh', Runtime: 'nodejs24.x', Role: role, Handler: 'index.handler' }
    good = { ...members, Code: { ZipFile: (await zipOf()).toString('base64') } }
    expect((await send(creation({ FunctionName: 'one' }))).status).toBe(201)
  })
  afterAll(async () => {
    console.info(`bad inputs tried, ${title}: ${tried}`)
    await frontend[Symbol.asyncDispose]()
  })
  return {
    frontend: () => frontend,
    good: () => good,
    send,
    creation,
    configuration,
    setting: (change) => [creation(change), configuration(change)],
    packaged: (zip) => [
      creation({ Code: { ZipFile: zip.toString('base64') } }),
      { method: 'PUT', path: `${functions}/one/code`, body: json({ ZipFile: zip.toString('base64') }) },
    ],
    count: (inputs) => {
      tried += inputs
    },
    refuses: async (family, requests, code) => {
      const wrong: string[] = []
      for (const request of requests) {
        tried += 1
        const answer = await send(request)
        const clear = answer.status >= 400 && answer.status < 500 && answer.code !== '' && answer.message !== ''
        if (!clear || (code && !code.test(answer.code)))
          wrong.push(
            `${family}: ${request.method ?? 'POST'} ${request.path.slice(0, 120)} ${String(request.body ?? '').slice(0, 120)} → ${answer.status} ${answer.text.slice(0, 200)}`,
          )
      }
      expect(wrong).toEqual([])
      const next = await send({ path: invocations, body: '{"good":true}' })
      expect(next).toMatchObject({ status: 200, text: '{"good":true}' })
      expect(frontend.catalogue.functions(account).map((one) => one.functionName)).toEqual(['one'])
    },
  }
}
