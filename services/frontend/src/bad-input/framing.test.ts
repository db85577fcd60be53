import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { frontendDefaults } from '../config.ts'
import { startTestFrontend } from '../testing/index.ts'
import { functions, invocations, json, useBadInput } from './harness.ts'

const bad = useBadInput('framing')
const port = (): number => bad.frontend().service.httpPort

/** Opens a connection; what comes back is kept, and a reset is an end like any other. */
async function open(to = port()): Promise<{
  readonly socket: Socket
  readonly text: () => string
  readonly ended: Promise<void>
}> {
  let text = ''
  const socket = connect(to, '127.0.0.1')
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return { socket, text: () => text, ended }
}

async function works(): Promise<void> {
  const next = await bad.send({ path: invocations, body: '{"good":true}' })
  expect(next).toMatchObject({ status: 200, text: '{"good":true}' })
}

const head = `POST ${functions} HTTP/1.1\r\nhost: x\r\n`

it.each([
  ['B4: codings that are none', `${head}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
  ['B4: chunked twice', `${head}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['B5: a negative chunk', `${head}transfer-encoding: chunked\r\n\r\n-1\r\n\r\n`],
  ['B5: a chunk ended by LF alone', `${head}transfer-encoding: chunked\r\n\r\n1\nx\n0\n\n`],
  ['B6: an endless chunk extension', `${head}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(1_000_000)}\r\na\r\n`],
  ['B3: a length in scientific notation', `${head}content-length: 1e3\r\n\r\n`],
  ['B9: LF instead of CRLF in the headers', `POST ${functions} HTTP/1.1\nhost: x\n\n`],
  ['B10: 10,000 headers', `${head}${Array.from({ length: 10_000 }, (_, i) => `h${i}: x\r\n`).join('')}\r\n`],
  ['B11: a request line of 1 MB', `GET /${'x'.repeat(1_000_000)} HTTP/1.1\r\nhost: x\r\n\r\n`],
  ['B12: HTTP/1.2', `GET ${functions} HTTP/1.2\r\nhost: x\r\n\r\n`],
  ['B13: an authority as target', `GET x:80 HTTP/1.1\r\nhost: x\r\n\r\n`],
  ['B14: a host with user information', `GET ${functions} HTTP/1.1\r\nhost: user@x\r\n\r\n`],
])('%s', async (_what, bytes) => {
  bad.count(1)
  const { socket, text, ended } = await open()
  socket.write(bytes, 'latin1')
  socket.once('data', () => socket.end())
  await ended
  expect(text()).toMatch(/^(HTTP\/1\.1 4\d\d |$)/)
  await works()
})

it('B16: bodies that never come, or break off', async () => {
  const halves = [`${head}content-length: 100\r\n\r\n`, `${head}content-length: 100\r\n\r\nhalf`]
  for (const bytes of [...halves, `${head}transfer-encoding: chunked\r\n\r\n5\r\nab`]) {
    bad.count(1)
    const { socket, ended } = await open()
    socket.write(bytes, 'latin1')
    // It is refused before its body matters, for it is not signed.
    await once(socket, 'data')
    socket.resetAndDestroy()
    await ended
  }
  await works()
})

it('B15: requests that come a byte at a time, or never to their end', async () => {
  const limits = { headersTimeoutMs: 300, requestTimeoutMs: 600 }
  await using slow = await startTestFrontend({}, { ...frontendDefaults, ...limits })
  for (const start of [`POST ${functions} HTTP/1.1\r\nhost: `, `${head}a: `, 'G']) {
    bad.count(1)
    const { socket, text, ended } = await open(slow.service.httpPort)
    for (const byte of start) socket.write(byte)
    await ended
    expect(text()).toMatch(/^(HTTP\/1\.1 408 |$)/)
  }
  expect((await fetch(`${slow.endpoint}/healthz`)).status).toBe(200)
})

it('B18: connections that say nothing', async () => {
  const idle = await Promise.all(Array.from({ length: 300 }, () => open()))
  bad.count(idle.length)
  await works()
  for (const { socket } of idle) socket.destroy()
  await Promise.all(idle.map(({ ended }) => ended))
})

it('B19: a thousand requests in one go', async () => {
  const { socket, text, ended } = await open()
  const requests = 1_000
  socket.write(`GET ${functions} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(requests))
  bad.count(requests)
  await expect.poll(() => text().split('HTTP/1.1 403 ').length - 1, { timeout: 60_000 }).toBe(requests)
  socket.destroy()
  await ended
  await works()
})

it('B21: a compressed body is no JSON, however small it is', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  await bad.refuses('B21', [
    { path: functions, body: bomb, headers: { 'content-encoding': 'gzip' } },
    { path: invocations, body: gzipSync('{"a":1}'), headers: { 'content-encoding': 'gzip' } },
  ])
})

it('B31, B39: what may be sent again, and written in another way', async () => {
  const seen: number[] = []
  let replay: { readonly path: string; readonly headers: Record<string, string>; readonly body: Buffer } | undefined
  const first = await bad.send({
    path: invocations,
    body: json({ once: true }),
    tamper: (signed) => {
      replay = signed
      return {
        headers: Object.fromEntries(Object.entries(signed.headers).map(([k, v]) => [k.toUpperCase(), ` ${v} `])),
      }
    },
  })
  seen.push(first.status)
  // AWS takes the same signature again while it is fresh: the answer is that of a call of its own.
  const again = await bad.send({ path: invocations, body: json({ once: true }), tamper: () => replay ?? {} })
  seen.push(again.status)
  bad.count(2)
  expect(seen).toEqual([200, 200])
  expect(again.headers['x-amzn-requestid']).not.toBe(first.headers['x-amzn-requestid'])
})

it('B76: trace headers that are none reach the function cleaned, or not at all', async () => {
  const { invoker } = bad.frontend()
  for (const trace of ['x'.repeat(10_000), 'Root=\u00e9', 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1']) {
    bad.count(1)
    const headers = { 'x-amzn-trace-id': trace.replaceAll(/[^\x20-\x7e]/g, '?') }
    expect((await bad.send({ path: invocations, body: '{}', headers })).status).toBe(200)
    expect((invoker.calls.at(-1)?.traceHeader ?? '').length).toBeLessThan(2_000)
  }
})
