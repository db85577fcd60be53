import { once } from 'node:events'
import { connect } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'

/** Publishes one message with QoS 1; resolves when the broker has it. */
export async function publishMqtt(port: number, topic: string, payload: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    const read = parser({ protocolVersion: 4 })
    const acknowledged = new Promise<void>((resolve, reject) => {
      socket.once('close', () => reject(new Error('the broker closed the connection')))
      read.on('packet', (packet: Packet) => {
        if (packet.cmd === 'connack')
          socket.write(generate({ cmd: 'publish', topic, payload, qos: 1, messageId: 1, dup: false, retain: false }))
        if (packet.cmd === 'puback') resolve()
      })
    })
    socket.on('data', (bytes) => read.parse(bytes))
    socket.write(generate({ cmd: 'connect', clientId: `test-${process.hrtime.bigint()}`, clean: true, keepalive: 30 }))
    await acknowledged
  } finally {
    socket.destroy()
  }
}
