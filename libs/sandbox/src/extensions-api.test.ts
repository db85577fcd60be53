import { beforeEach, describe, expect, test } from 'vitest'
import { type ExtensionStep, ExtensionsApi } from './extensions-api.ts'

let api: ExtensionsApi
let ids = 0
const uuid = (n: number): string => `00000000-0000-4000-8000-${`${n}`.padStart(12, '0')}`
const facts = { functionName: 'f', functionVersion: '3', handler: 'index.handler', accountId: '000000000000' }
beforeEach(() => {
  ids = 0
  api = new ExtensionsApi(facts, () => uuid(++ids))
})

const ask = (method: string, path: string, headers = {}, body = ''): ExtensionStep =>
  api.request({ method, path: `/2020-01-01/extension/${path}`, headers, body: Buffer.from(body) })
const register = (name: string, events: unknown = ['INVOKE', 'SHUTDOWN'], headers = {}) =>
  ask('POST', 'register', { 'lambda-extension-name': name, ...headers }, JSON.stringify({ events }))
const next = (id: string) => ask('GET', 'event/next', { 'lambda-extension-identifier': id })
const seen = ({ response }: { readonly response: ExtensionStep['response'] }): unknown =>
  response === 'park'
    ? 'park'
    : { status: response.status, ...response.headers, ...JSON.parse(Buffer.from(response.body).toString()) }

test('a launched extension registers, waits, hears of invocations and of the end', () => {
  api.launched('watch')
  expect([api.registered, api.settled]).toEqual([false, false])
  expect(seen(register('watch', ['INVOKE', 'SHUTDOWN'], { 'lambda-extension-accept-feature': 'accountId' }))).toEqual({
    ...{ status: 200, 'Content-Type': 'application/json', 'Lambda-Extension-Identifier': uuid(1) },
    ...facts,
  })
  expect([api.registered, api.settled, api.attends]).toEqual([true, false, true])
  expect(next(uuid(1))).toMatchObject({ response: 'park', extension: { name: 'watch' } })
  expect(api.settled).toBe(true)
  const notice = { requestId: 'r', deadlineMs: 5, invokedFunctionArn: 'arn:f', traceId: 'Root=1' }
  const [wake] = api.invoke(notice)
  expect(seen(wake as never)).toMatchObject({
    ...{ eventType: 'INVOKE', requestId: 'r', deadlineMs: 5, invokedFunctionArn: 'arn:f' },
    tracing: { type: 'X-Amzn-Trace-Id', value: 'Root=1' },
    'Lambda-Extension-Event-Identifier': uuid(2),
  })
  expect(api.settled).toBe(false)
  next(uuid(1))
  expect(api.settled).toBe(true)
  expect(seen(api.shutdown('spindown', 9)[0] as never)).toMatchObject({
    eventType: 'SHUTDOWN',
    shutdownReason: 'spindown',
    deadlineMs: 9,
  })
})

test('without the feature nothing is said of the account; who wants no invocation is told of none', () => {
  api.launched('quiet')
  expect(seen(register('quiet', ['SHUTDOWN']))).not.toHaveProperty('accountId')
  next(uuid(1))
  expect(api.attends).toBe(false)
  expect(api.invoke({ requestId: 'r', deadlineMs: 5, invokedFunctionArn: '' })).toEqual([])
  expect(api.shutdown('timeout', 1)).toHaveLength(1)
})

test('an event that finds no connection waits for the next one', () => {
  api.launched('slow')
  register('slow')
  // Registered, busy with itself.
  expect(api.invoke({ requestId: 'a', deadlineMs: 1, invokedFunctionArn: '' })).toEqual([])
  expect(seen(next(uuid(1)))).toMatchObject({ requestId: 'a' })
  expect(api.settled).toBe(false)
  next(uuid(1))
  const [wake] = api.invoke({ requestId: 'b', deadlineMs: 1, invokedFunctionArn: '' })
  api.undelivered(wake as never)
  expect(seen(next(uuid(1)))).toMatchObject({ requestId: 'b' })
})

describe('is refused', () => {
  test.each([
    ['no name', () => register(''), 403, 'Extension.InvalidExtensionName'],
    ['no JSON', () => ask('POST', 'register', { 'lambda-extension-name': 'x' }, '{'), 400, 'InvalidRequestFormat'],
    ['no list of events', () => register('x', 'INVOKE'), 400, 'InvalidRequestFormat'],
    ['an unknown event', () => register('x', ['LUNCH']), 403, 'Extension.InvalidEventType'],
    [
      'SHUTDOWN for an internal one',
      () => register('x'),
      403,
      'Extension.ShutdownEventNotSupportedForInternalExtension',
    ],
    ['no identifier', () => ask('GET', 'event/next'), 403, 'Extension.MissingExtensionIdentifier'],
    ['no uuid', () => next('me'), 403, 'Extension.InvalidExtensionIdentifier'],
    ['an unknown uuid', () => next(uuid(77)), 403, 'Extension.UnknownExtensionIdentifier'],
    ['a wrong method', () => ask('PUT', 'register'), 405, 'MethodNotAllowed'],
    ['a wrong path', () => ask('GET', 'elsewhere'), 404, 'NotFound'],
  ])('%s', (_, attempt, status, errorType) => {
    expect(seen(attempt())).toMatchObject({ status, errorType })
  })

  test('who has registered already, comes too late, or is the eleventh', () => {
    api.launched('one')
    register('one')
    expect(seen(register('one'))).toMatchObject({ errorType: 'Extension.InvalidExtensionState' })
    for (let i = 2; i <= 10; i++) expect(seen(register(`internal${i}`, ['INVOKE']))).toMatchObject({ status: 200 })
    expect(seen(register('eleventh', ['INVOKE']))).toMatchObject({ errorType: 'Extension.TooManyExtensions' })
    api.close()
    expect(seen(register('late', ['INVOKE']))).toMatchObject({ errorType: 'Extension.RegistrationClosed' })
  })
})

test('an extension that gives up says why, once it is known', () => {
  api.launched('weak')
  register('weak')
  const error = (path: string, headers = {}) =>
    ask('POST', path, { 'lambda-extension-identifier': uuid(1), ...headers }, '{}')
  expect(seen(error('init/error'))).toMatchObject({ status: 400, errorType: 'Extension.MissingHeader' })
  expect(error('init/error', { 'lambda-extension-function-error-type': 'Extension.Own' })).toMatchObject({
    ...{ failed: 'Extension.InitError', extension: { name: 'weak', errorType: 'Extension.Own', state: 'failed' } },
    response: { status: 202 },
  })
  expect(seen(next(uuid(1)))).toMatchObject({ errorType: 'Extension.InvalidExtensionState' })
  api.launched('later')
  api.exited('later')
  expect(api.all.map(({ state }) => state)).toEqual(['failed', 'exited'])
})
