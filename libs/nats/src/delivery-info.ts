/** What the ack subject of a delivered message tells. */
export interface DeliveryInfo {
  readonly deliveryCount: number
  readonly streamSequence: number
  readonly consumerSequence: number
  /** Epoch ms. */
  readonly storedAtMs: number
}

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<ns>.<pending>`, or the newer form that
 * has a domain and an account hash after `ACK`.
 */
export function readDeliveryInfo(reply: string | undefined): DeliveryInfo {
  const tokens = reply?.split('.') ?? []
  const at = tokens.length === 9 ? 4 : 6
  const [deliveries, stream, consumer, nanos] = tokens.slice(at, at + 4)
  const info = {
    deliveryCount: Number(deliveries),
    streamSequence: Number(stream),
    consumerSequence: Number(consumer),
    // Nanoseconds exceed the exact range of doubles; milliseconds do not.
    storedAtMs: Number((nanos ?? '').slice(0, -6)),
  }
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || Object.values(info).some((n) => !Number.isSafeInteger(n)))
    throw new Error(`not an ack subject: ${JSON.stringify(reply)}`)
  return info
}
