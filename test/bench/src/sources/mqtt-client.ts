import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'

/** Messages that a publisher has under way, and the ids that they take turns with. */
const window = 200

/** As little of an MQTT client as a measurement takes. */
export class MqttClient implements AsyncDisposable {
  readonly #socket: Socket
  #onPacket: (packet: Packet) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    const read = parser({ protocolVersion: 4 })
    read.on('packet', (packet: Packet) => this.#onPacket(packet))
    socket.on('data', (bytes) => read.parse(bytes))
  }

  static async open(port: number, clientId: string): Promise<MqttClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new MqttClient(socket)
    const greeted = new Promise<void>((resolve) => {
      client.#onPacket = () => resolve()
    })
    socket.write(generate({ cmd: 'connect', clientId, clean: true, keepalive: 60 }))
    await greeted
    return client
  }

  /** With QoS 1; resolves when the broker has all. */
  publish(topic: string, payload: string, count: number): Promise<void> {
    return new Promise((resolve) => {
      let sent = 0
      let acknowledged = 0
      const send = (messageId: number): void => {
        if (sent++ >= count) return
        this.#socket.write(generate({ cmd: 'publish', topic, payload, qos: 1, messageId, dup: false, retain: false }))
      }
      this.#onPacket = (packet) => {
        if (packet.cmd !== 'puback') return
        if (++acknowledged === count) return resolve()
        send(packet.messageId ?? 1)
      }
      for (let id = 1; id <= window; id++) send(id)
    })
  }

  /** Takes so many messages of a topic, each acknowledged. */
  subscribe(topic: string, count: number, took: (records: number) => void): Promise<void> {
    return new Promise((resolve) => {
      let handled = 0
      this.#onPacket = (packet) => {
        if (packet.cmd !== 'publish') return
        this.#socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }))
        took(1)
        if (++handled === count) resolve()
      }
      this.#socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 1 }] }))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }
}
