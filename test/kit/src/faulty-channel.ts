import type { Channel, ChannelClosed } from '@weft/platform'
import type { FaultKind } from './faults.ts'

/**
 * A channel whose connection breaks at frames that `draw` chooses, sent or received: before the frame has passed, or
 * (done-but-timed-out) right after. Nothing else can happen to a frame: order and at-most-once hold on every channel.
 */
export function faultyChannel<In, Out>(
  channel: Channel<In, Out>,
  draw: (method: 'send' | 'receive') => FaultKind | undefined,
): Channel<In, Out> {
  const { promise: closed, resolve } = Promise.withResolvers<ChannelClosed>()
  let broken = false
  const breakNow = (): void => {
    broken = true
    channel.close()
    resolve({ remote: true, reason: 'injected break' })
  }
  const pass = (method: 'send' | 'receive', frame: () => void): void => {
    if (broken) return
    const kind = draw(method)
    if (kind === undefined || kind === 'done-but-timed-out') frame()
    if (kind !== undefined) breakNow()
  }
  void channel.closed.then(resolve)
  return {
    opened: channel.opened,
    closed,
    send: (frame) => pass('send', () => channel.send(frame)),
    receive: (fn) => channel.receive((frame) => pass('receive', () => fn(frame))),
    close: () => channel.close(),
  }
}
