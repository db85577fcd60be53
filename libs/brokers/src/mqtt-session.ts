import { connect as dial, type Socket } from 'node:net'
import { connect as dialTls } from 'node:tls'
import type { Clock, Timer } from '@weft/platform'
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet'

export interface MqttSessionOptions {
  readonly url: string
  readonly clientId: string
  /** Forget what an earlier connection of this client left. */
  readonly clean: boolean
  readonly clock: Clock
  readonly onMessage: (message: IPublishPacket) => void
  /** Told once, when the connection is gone. */
  readonly onLost: (reason: string) => void
}

const keepAliveMs = 20_000
/** How long the broker is waited for, ms. */
const answerMs = 5_000

/**
 * One connection of MQTT 3.1.1 whose acknowledgements are the caller's: the common client acknowledges what it has handed
 * out, and hands out one message at a time where it does not.
 */
export class MqttSession {
  readonly #options: MqttSessionOptions
  readonly #socket: Socket
  readonly #waiting = new Map<string, (packet: Packet) => void>()
  #keepAlive: Timer | undefined
  #lost: string | undefined

  private constructor(options: MqttSessionOptions) {
    this.#options = options
    const { protocol, hostname, port } = new URL(options.url)
    const secure = protocol === 'mqtts:'
    const to = { host: hostname, port: Number(port || (secure ? 8883 : 1883)) }
    this.#socket = secure ? dialTls(to) : dial(to)
    const read = parser({ protocolVersion: 4 })
    read.on('packet', (packet: Packet) => this.#take(packet))
    read.on('error', (error: Error) => this.#lose(error.message))
    this.#socket.on('data', (bytes) => read.parse(bytes))
    this.#socket.on('error', (error) => this.#lose(error.message))
    this.#socket.on('close', () => this.#lose('the connection was closed'))
  }

  /** Rejects when the broker refuses or does not answer. */
  static async open(options: MqttSessionOptions): Promise<MqttSession> {
    const session = new MqttSession(options)
    const { username, password } = new URL(options.url)
    try {
      const answer = await session.#ask('connack', {
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: options.clean,
        clientId: options.clientId,
        keepalive: Math.ceil((keepAliveMs * 2) / 1_000),
        ...(username !== '' && { username: decodeURIComponent(username) }),
        ...(password !== '' && { password: Buffer.from(decodeURIComponent(password)) }),
      })
      if (answer.cmd === 'connack' && answer.returnCode !== 0)
        throw new Error(`the broker refused the connection with code ${answer.returnCode}`)
    } catch (error) {
      session.close()
      throw error
    }
    session.#beat()
    return session
  }

  get lost(): string | undefined {
    return this.#lost
  }

  async subscribe(topic: string): Promise<void> {
    const subscriptions = [{ topic, qos: 1 as const }]
    const answer = await this.#ask('suback', { cmd: 'subscribe', messageId: 1, subscriptions })
    if (answer.cmd === 'suback' && answer.granted[0] === 128) throw new Error(`the broker refused the topic ${topic}`)
  }

  acknowledge(messageId: number): void {
    this.#send({ cmd: 'puback', messageId })
  }

  close(): void {
    this.#keepAlive?.cancel()
    if (this.#lost === undefined) this.#send({ cmd: 'disconnect' })
    this.#lost ??= 'closed'
    this.#socket.end()
    this.#socket.unref()
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'publish') this.#options.onMessage(packet)
    else this.#waiting.get(packet.cmd)?.(packet)
  }

  #ask(answer: 'connack' | 'suback' | 'pingresp', packet: Packet): Promise<Packet> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.schedule(answerMs, () => done(new Error('the broker does not answer')))
      const done = (error: Error | undefined, found?: Packet): void => {
        timer.cancel()
        this.#waiting.delete(answer)
        if (found) resolve(found)
        else reject(error ?? new Error('the connection was lost'))
      }
      this.#waiting.set(answer, (found) =>
        found.cmd === answer ? done(undefined, found) : done(new Error(this.#lost)),
      )
      if (this.#lost === undefined) this.#send(packet)
      else done(new Error(this.#lost))
    })
  }

  #send(packet: Packet): void {
    if (this.#socket.writable) this.#socket.write(generate(packet))
  }

  #beat(): void {
    this.#keepAlive = this.#options.clock.schedule(keepAliveMs, () => {
      this.#ask('pingresp', { cmd: 'pingreq' }).then(
        () => this.#beat(),
        (error: Error) => this.#lose(error.message),
      )
    })
  }

  #lose(reason: string): void {
    if (this.#lost !== undefined) return
    this.#lost = reason
    this.#keepAlive?.cancel()
    this.#socket.destroy()
    for (const tell of this.#waiting.values()) tell({ cmd: 'disconnect' })
    this.#options.onLost(reason)
  }
}
