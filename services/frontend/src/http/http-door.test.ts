import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { rawRequest, startTestFrontend, type TestFrontend } from '../testing/index.ts'

vi.setConfig({ testTimeout: 60_000 })

let frontend: TestFrontend
beforeAll(async () => {
  frontend = await startTestFrontend()
})
afterAll(() => frontend[Symbol.asyncDispose]())

/** Sends bytes as they are, and reads until the server closes or has sent `until`. */
const talk = (bytes: string, until = '\r\n\r\n'): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(frontend.service.httpPort, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes(until)) socket.destroy()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)))
  })

const path = '/2015-03-31/functions'
const post = `POST ${path} HTTP/1.1\r\nhost: x\r\n`

describe('the HTTP door', () => {
  it.each([
    ['length and chunks', `${post}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${post}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
    ['two equal lengths', `${post}content-length: 1\r\ncontent-length: 1\r\n\r\na`],
    ['a negative length', `${post}content-length: -1\r\n\r\n`],
    ['a length with a sign', `${post}content-length: +5\r\n\r\nabcde`],
    ['a hexadecimal length', `${post}content-length: 0x5\r\n\r\nabcde`],
    ['a length beyond 64 bits', `${post}content-length: 99999999999999999999\r\n\r\n`],
    ['an unknown coding', `${post}transfer-encoding: xchunked\r\n\r\n`],
    ['a chunk size of 16 F', `${post}transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n`],
    ['a folded header', `${post}a: b\r\n c\r\n\r\n`],
    ['a header without a colon', `${post}nocolon\r\n\r\n`],
    ['a space before the colon', `${post}a : b\r\n\r\n`],
    ['NUL in a header', `${post}a: b\0c\r\n\r\n`],
    ['a bare CR in a header', `${post}a: b\rc\r\n\r\n`],
    ['headers of 128 KB', `${post}a: ${'x'.repeat(131_072)}\r\n\r\n`],
    ['a request line of 128 KB', `GET /${'x'.repeat(131_072)} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['HTTP/2.0 as text', `GET ${path} HTTP/2.0\r\nhost: x\r\n\r\n`],
    ['no version', `GET ${path}\r\n\r\n`],
    ['an absolute target', `GET http://x${path} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['two hosts', `GET ${path} HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n`],
    ['no host', `GET ${path} HTTP/1.1\r\n\r\n`],
    ['an unknown method', `BREW ${path} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['TRACE', `TRACE ${path} HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['an expectation that is none', `${post}expect: x\r\ncontent-length: 0\r\n\r\n`],
    ['an upgrade', `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n`],
    ['two authorizations', `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: a\r\nauthorization: b\r\n\r\n`],
  ])('refuses %s', async (_name, bytes) => {
    const answer = await talk(bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect((await rawRequest(frontend.endpoint, { method: 'GET', path })).status).toBe(200)
  })

  it('closes a tunnel', async () => {
    expect(await talk('CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('')
  })

  it('knows who asks before it lets a body come', async () => {
    const answer = await talk(`${post}expect: 100-continue\r\ncontent-length: 1000000\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
    expect(answer).not.toContain('100 Continue')
  })

  it('refuses a body that never ends without keeping it', async () => {
    const { headers } = await signedHead()
    const head = `POST ${path} HTTP/1.1\r\n${headers}transfer-encoding: chunked\r\n\r\n`
    const size = 80_000_000
    const answer = await talk(`${head}${size.toString(16)}\r\n${'x'.repeat(size)}`)
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer).toContain('RequestEntityTooLargeException')
  })
})

/** The headers of a signed request, as text. */
async function signedHead(): Promise<{ headers: string }> {
  let headers = ''
  await rawRequest(frontend.endpoint, {
    path,
    tamper: (signed) => {
      headers = Object.entries(signed.headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')
      return {}
    },
  })
  return { headers }
}
