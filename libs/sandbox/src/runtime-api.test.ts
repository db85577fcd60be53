import { beforeEach, expect, test } from 'vitest'
import { type ApiStep, RuntimeApi } from './runtime-api.ts'

const id = '00000000-0000-4000-8000-000000000001'
const header = { requestId: id, deadlineMs: 1_700_000_000_000.4, invokedFunctionArn: 'arn:f' }

let api: RuntimeApi
beforeEach(() => {
  api = new RuntimeApi()
})
const ask = (method: string, path: string, body = '', more: { errorType?: string; cut?: boolean } = {}): ApiStep =>
  api.request({ method, path: `/2018-06-01/runtime/${path}`, body: Buffer.from(body), cut: false, ...more })
const statusOf = ({ response }: ApiStep): number | 'park' => (response === 'park' ? 'park' : response.status)
const bodyOf = ({ response }: ApiStep): unknown =>
  response === 'park' ? undefined : JSON.parse(Buffer.from(response.body).toString())
const invoked = (): void => {
  ask('GET', 'invocation/next')
  api.invoke(header, Buffer.from('{}'))
}

test('the first next means that the runtime is ready, later ones do not', () => {
  expect(ask('GET', 'invocation/next')).toEqual({ response: 'park', message: { kind: 'ready' } })
  const { status, headers, body } = api.invoke(
    { ...header, traceId: 'Root=1\r\nX: y', clientContext: '{\n"a":"ö"}' },
    Buffer.from('{"a":1}'),
  )
  expect(status).toBe(200)
  expect(headers).toMatchObject({
    'Lambda-Runtime-Aws-Request-Id': id,
    'Lambda-Runtime-Deadline-Ms': '1700000000000',
    'Lambda-Runtime-Invoked-Function-Arn': 'arn:f',
    'Lambda-Runtime-Trace-Id': 'Root=1  X: y',
    'Lambda-Runtime-Client-Context': '{ "a":"\\u00f6"}',
  })
  expect(Buffer.from(body).toString()).toBe('{"a":1}')
  expect(ask('POST', `invocation/${id}/response`, '2')).toMatchObject({
    response: { status: 202 },
    message: { kind: 'response', requestId: id },
  })
  expect(ask('GET', 'invocation/next')).toEqual({ response: 'park', message: { kind: 'next' } })
})

test('a wrong id is 400, whatever the state', () => {
  for (const path of ['invocation/other/response', 'invocation/other/error', 'invocation//response']) {
    expect(ask('POST', path, '1')).toMatchObject({ response: { status: 400 } })
    expect(bodyOf(ask('POST', path, '1'))).toMatchObject({ errorType: 'InvalidRequestID' })
  }
  invoked()
  expect(statusOf(ask('POST', 'invocation/other/response', '1'))).toBe(400)
})

test('what comes out of turn is 403 and changes nothing', () => {
  invoked()
  expect(statusOf(ask('GET', 'invocation/next'))).toBe(403)
  expect(statusOf(ask('POST', 'init/error', '{}'))).toBe(403)
  expect(statusOf(ask('POST', `invocation/${id}/response`, '1'))).toBe(202)
  expect(statusOf(ask('POST', `invocation/${id}/response`, '1'))).toBe(403)
  expect(statusOf(ask('POST', `invocation/${id}/error`, '{}'))).toBe(403)
  expect(statusOf(ask('GET', 'invocation/next'))).toBe('park')
  expect(statusOf(ask('GET', 'invocation/next'))).toBe(403)
})

test('too much is 413, once, and the runtime goes on', () => {
  invoked()
  expect(ask('POST', `invocation/${id}/response`, 'x', { cut: true })).toMatchObject({
    response: { status: 413 },
    message: { kind: 'oversize', requestId: id },
  })
  expect(statusOf(ask('GET', 'invocation/next'))).toBe('park')
})

test('unknown paths are 404, wrong methods 405', () => {
  for (const path of ['', 'nowhere', 'invocation', 'invocation/next/more', `invocation/${id}/other`, 'init'])
    expect(statusOf(ask('GET', path))).toBe(404)
  expect(statusOf(api.request({ method: 'GET', path: '/', body: Buffer.alloc(0), cut: false }))).toBe(404)
  expect(statusOf(ask('POST', 'invocation/next'))).toBe(405)
  expect(statusOf(ask('GET', `invocation/${id}/response`))).toBe(405)
  expect(statusOf(ask('PUT', 'init/error'))).toBe(405)
})

test('an error document goes on as sent; what is none becomes one', () => {
  const documentOf = (body: string, errorType?: string): unknown => {
    api = new RuntimeApi()
    invoked()
    const { message } = ask('POST', `invocation/${id}/error`, body, errorType === undefined ? {} : { errorType })
    return message?.kind === 'error' ? JSON.parse(message.document.toString()) : message
  }
  expect(documentOf('{"errorType":"E","errorMessage":"m","more":1}')).toEqual({
    errorType: 'E',
    errorMessage: 'm',
    more: 1,
  })
  expect(documentOf('boom', 'Function.Unlucky')).toEqual({ errorType: 'Function.Unlucky', errorMessage: '' })
  expect(documentOf('boom', 'Weird')).toEqual({ errorType: 'Runtime.Unknown', errorMessage: '' })
  expect(documentOf('[1]')).toEqual({ errorType: 'Runtime.Unknown', errorMessage: '' })
})

test('a failed initialisation is told once', () => {
  expect(ask('POST', 'init/error', '{"errorType":"Own.Error"}')).toMatchObject({
    response: { status: 202 },
    message: { kind: 'init-error' },
  })
})

test('a runtime that lost the connection of its next may ask again', () => {
  ask('GET', 'invocation/next')
  api.hungUp()
  expect(ask('GET', 'invocation/next')).toEqual({ response: 'park', message: { kind: 'next' } })
  expect(api.invoke(header, Buffer.from('1')).status).toBe(200)
  api.hungUp()
  expect(statusOf(ask('POST', `invocation/${id}/response`, '1'))).toBe(202)
})

const stream = (path = `invocation/${id}/response`, mode = 'streaming', contentType: string | undefined = undefined) =>
  api.beginStream({ method: 'POST', path: `/2018-06-01/runtime/${path}`, mode, contentType })
const whole = { cut: false, errorType: undefined, errorBody: undefined } as const

test('a streamed answer begins, ends and lets the runtime go on', () => {
  invoked()
  expect(stream(undefined, 'Streaming', 'text/html')).toEqual({
    kind: 'begin',
    requestId: id,
    contentType: 'text/html',
  })
  expect(statusOf(ask('POST', `invocation/${id}/error`, '{}'))).toBe(403)
  expect(stream()).toMatchObject({ status: 403 })
  expect(api.endStream(whole)).toMatchObject({ response: { status: 202 }, message: { kind: 'end', requestId: id } })
  expect(statusOf(ask('GET', 'invocation/next'))).toBe('park')
})

test('an answer in another mode, under another id or out of turn does not begin', () => {
  expect(stream()).toMatchObject({ status: 400 })
  invoked()
  expect(stream(undefined, 'buffered')).toMatchObject({ status: 400 })
  expect(stream('invocation/other/response')).toMatchObject({ status: 400 })
  expect(stream(`invocation/${id}/error`)).toMatchObject({ status: 404 })
  expect(stream(undefined, 'streaming', 'a\r\nb')).toMatchObject({ contentType: 'application/octet-stream' })
})

test('trailers tell of an error, and a body that breaks off is one', () => {
  const ends = (end: Parameters<RuntimeApi['endStream']>[0]): unknown => {
    api = new RuntimeApi()
    invoked()
    stream()
    const { message } = api.endStream(end)
    return message?.kind === 'error' ? JSON.parse(message.document.toString()) : message
  }
  const errorBody = Buffer.from('{"errorType":"E","errorMessage":"m"}').toString('base64')
  expect(ends({ cut: false, errorType: 'Function.E', errorBody })).toEqual({ errorType: 'E', errorMessage: 'm' })
  expect(ends({ cut: false, errorType: 'Function.Odd', errorBody: '%%%' })).toEqual({
    errorType: 'Function.Odd',
    errorMessage: '',
  })
  expect(ends({ cut: true })).toMatchObject({ errorType: 'Runtime.TruncatedResponse' })
})

test('a runtime that asks for the next invocation has given up its stream', () => {
  invoked()
  stream()
  const { response, message } = ask('GET', 'invocation/next')
  expect(response).toBe('park')
  expect(message).toMatchObject({ kind: 'error', requestId: id })
  expect(api.streaming).toBe(false)
})
