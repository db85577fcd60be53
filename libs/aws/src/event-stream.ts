import { crc32 } from 'node:zlib'

/**
 * Messages of the encoding application/vnd.amazon.eventstream (AWS's "event stream encoding"): total and header length,
 * their CRC, string headers, payload, CRC of all that came before.
 */
export const eventStreamContentType = 'application/vnd.amazon.eventstream'

const preludeBytes = 12
const crcBytes = 4
const stringType = 7

/** One message. Header values are strings of up to 65,535 bytes, names of up to 255. */
export function encodeEventMessage(headers: Readonly<Record<string, string>>, payload: Uint8Array | string): Buffer {
  const head = Buffer.concat(Object.entries(headers).flatMap(([name, value]) => encodeHeader(name, value)))
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const message = Buffer.allocUnsafe(preludeBytes + head.length + body.byteLength + crcBytes)
  message.writeUInt32BE(message.length, 0)
  message.writeUInt32BE(head.length, 4)
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
  message.set(head, preludeBytes)
  message.set(body, preludeBytes + head.length)
  message.writeUInt32BE(crc32(message.subarray(0, message.length - crcBytes)), message.length - crcBytes)
  return message
}

/** An event of a member of the operation's event stream. */
export const encodeEvent = (type: string, contentType: string, payload: Uint8Array | string): Buffer =>
  encodeEventMessage({ ':message-type': 'event', ':event-type': type, ':content-type': contentType }, payload)

/** An error that the stream's model does not know: clients raise it under its code. */
export const encodeEventError = (code: string, message: string): Buffer =>
  encodeEventMessage({ ':message-type': 'error', ':error-code': code, ':error-message': message }, '')

function encodeHeader(name: string, value: string): readonly Buffer[] {
  const nameBytes = Buffer.from(name)
  const valueBytes = Buffer.from(value)
  const sizes = Buffer.allocUnsafe(3)
  sizes[0] = stringType
  sizes.writeUInt16BE(valueBytes.length, 1)
  return [Buffer.of(nameBytes.length), nameBytes, sizes, valueBytes]
}
