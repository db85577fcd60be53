import { connect, type Socket } from 'node:net'

const headEnd = Buffer.from('\r\n\r\n')

/**
 * A keep-alive HTTP/1.1 client that costs next to nothing: whole requests in, one at a time, status and body out. It
 * reads answers with a content length, which is all that the servers under test send.
 */
export class HttpConnection implements Disposable {
  readonly #socket: Socket
  #unread: Buffer = Buffer.alloc(0)
  #waiting: { resolve(answer: HttpAnswer): void; reject(error: Error): void } | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server closed the connection')))
  }

  static open(host: string, port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host)
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new HttpConnection(socket))
      })
    })
  }

  send(request: Buffer): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting) return reject(new Error('one request at a time'))
      if (this.#socket.destroyed) return reject(new Error('the connection is closed'))
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    const headBytes = this.#unread.indexOf(headEnd)
    if (headBytes < 0) return
    const head = this.#unread.toString('latin1', 0, headBytes)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    const bodyStart = headBytes + headEnd.length
    const status = Number(head.slice(9, 12))
    if (length === undefined && status !== 204) {
      this.#fail(new Error(`an answer without length:\n${head}`))
      return
    }
    const end = bodyStart + Number(length ?? 0)
    if (this.#unread.length < end) return
    const body = this.#unread.subarray(bodyStart, end)
    this.#unread = this.#unread.subarray(end)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve({ status, head, body })
  }

  #fail(error: Error): void {
    this.#socket.destroy()
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.reject(error)
  }
}

export interface HttpAnswer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

/** The bytes of a request. */
export function httpRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Buffer {
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)) })
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n${body}`,
  )
}
