import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { encodeError } from '@weft/aws'
import { awsError, newRequestId } from '@weft/contracts'
import type { Logger } from '@weft/platform'
import type { DoorHead, DoorResponse, SiteDoor } from '../doors/door.ts'
import type { CodeLinks } from './code-links.ts'
import type { Gate } from './gate.ts'
import { readBody } from './read-body.ts'
import { readHead } from './read-head.ts'
import { send } from './send.ts'

export interface HttpDoorConfig {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  readonly maxConnections: number
  /** For the whole request to arrive, ms. */
  readonly requestTimeoutMs: number
  /** For the headers to arrive, ms. */
  readonly headersTimeoutMs: number
  /** A second port, for those outside: the way back of functions goes over the plain one. Absent: there is none. */
  readonly tls?: TlsPort
}

/** `port` 0: the system chooses. PEM texts. */
export interface TlsPort {
  readonly port: number
  readonly cert: string
  readonly key: string
}

export interface HttpDoorDeps {
  readonly gate: Gate
  /** Asked first. */
  readonly sites: readonly SiteDoor[]
  readonly codeLinks: CodeLinks
  /** Answers health paths; false for any other. */
  readonly health: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly log: Logger
}

export interface HttpDoor {
  readonly port: number
  /** Of the one that speaks TLS. */
  readonly tlsPort?: number
  /** Takes no new connections and lets what runs finish; resolves when the last has. */
  drain(): Promise<void>
  /** Breaks what is left. */
  close(): void
}

/** AWS allows a request line and headers of 1 MB; what clients send fits in far less. */
const maxHeaderBytes = 65_536
const keepAliveTimeoutMs = 75_000
const internalError = awsError('ServiceException', 'Internal service error.')

/** The HTTP port of all AWS services: strict framing, limits on everything, one request id for each request. */
export async function startHttpDoor(config: HttpDoorConfig, deps: HttpDoorDeps): Promise<HttpDoor> {
  let draining = false
  const options = {
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: config.requestTimeoutMs,
    headersTimeout: config.headersTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    noDelay: true,
  }
  const serve = async (request: IncomingMessage, response: ServerResponse, waits: boolean): Promise<void> => {
    if (deps.health(request, response)) return
    const requestId = newRequestId()
    try {
      const answer = await answerRequest(deps, request, response, requestId, waits)
      // Kept open, the connection of a request that ran at the stop would hold the stop up.
      if (draining && !response.headersSent) response.setHeader('connection', 'close')
      if (answer) await send(response, answer, requestId, request.method === 'HEAD')
    } catch (error) {
      // In mid answer there is nothing left to say; most often it is the function that failed.
      if (response.headersSent) {
        deps.log.warn({ err: error, requestId }, 'an answer broke off')
        response.destroy()
        return
      }
      deps.log.error({ err: error, requestId }, 'request failed')
      await send(response, encodeError(internalError, requestId), requestId, false)
    }
  }
  const open = async (server: Server, port: number): Promise<number> => {
    server.maxConnections = config.maxConnections
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void serve(request, response, false))
    // A client that asks before it sends is answered only once it is known who it is.
    server.on(
      'checkContinue',
      (request: IncomingMessage, response: ServerResponse) => void serve(request, response, true),
    )
    server.on('clientError', answerMalformed)
    await listen(server, config.host, port)
    return (server.address() as AddressInfo).port
  }
  const plain = createServer(options)
  const secure = config.tls && createTlsServer({ ...options, cert: config.tls.cert, key: config.tls.key })
  const servers = secure ? [plain, secure] : [plain]
  const port = await open(plain, config.port)
  const tlsPort = secure && config.tls && (await open(secure, config.tls.port))
  return {
    port,
    ...(tlsPort !== undefined && { tlsPort }),
    async drain() {
      draining = true
      await Promise.all(servers.map(closed))
    },
    close: () => {
      for (const server of servers) server.closeAllConnections()
    },
  }
}

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })

async function answerRequest(
  deps: HttpDoorDeps,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  waits: boolean,
): Promise<DoorResponse | undefined> {
  const head = readHead(request, requestId)
  if (!head.ok) return encodeError(head.error, requestId)
  if (deps.codeLinks.covers(head.value)) return deps.codeLinks.answer(head.value)
  return answerSigned(deps, head.value, request, response, waits)
}

async function answerSigned(
  deps: HttpDoorDeps,
  head: DoorHead,
  request: IncomingMessage,
  response: ServerResponse,
  waits: boolean,
): Promise<DoorResponse | undefined> {
  const admitted = admittedBySite(deps.sites, head) ?? deps.gate.admit(head)
  if (!admitted.ok) return admitted.error
  // What is too large is refused without having been sent.
  const fits = Number(request.headers['content-length'] ?? 0) <= admitted.value.bodyLimit.limitBytes
  if (waits && fits) response.writeContinue()
  const body = await readBody(request, admitted.value.bodyLimit)
  if (!body.ok) return body.error === 'gone' ? undefined : admitted.value.refuse(body.error)
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  return admitted.value.handle(body.value, gone.signal)
}

/** Only the site that a request is for gets to see it: admitting may count. */
function admittedBySite(sites: readonly SiteDoor[], head: DoorHead): ReturnType<SiteDoor['admit']> {
  for (const site of sites) {
    const admitted = site.admit(head)
    if (admitted) return admitted
  }
  return undefined
}

/** What the HTTP parser refuses has no request to answer: the plainest response there is, and the end of the connection. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
