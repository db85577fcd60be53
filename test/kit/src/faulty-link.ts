import { errors } from '@nats-io/transport-node'
import type { NatsLink } from '@weft/nats'
import type { FaultKind, Faults } from './faults.ts'

/** What a client of NATS throws in the place of each fault; for `FaultPlan.error`. */
export const natsError = (kind: FaultKind): Error =>
  kind === 'unavailable' ? new errors.NoRespondersError('injected') : new errors.TimeoutError()

const streamCalls = ['info', 'add', 'update', 'delete', 'purge', 'getMessage', 'deleteMessage']

/** A link on which requests, publishes with an acknowledgement and calls of the management API fail now and then. */
export function faultyLink(link: NatsLink, faults: Faults): NatsLink {
  const streams = faults.wrap(link.jsm.streams, streamCalls)
  const consumers = faults.wrap(link.jsm.consumers, streamCalls)
  return {
    connection: faults.wrap(link.connection, ['request']),
    js: faults.wrap(link.js, ['publish']),
    jsm: new Proxy(link.jsm, {
      get(target, property) {
        if (property === 'streams') return streams
        if (property === 'consumers') return consumers
        const value: unknown = Reflect.get(target, property, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    }),
    inboxPrefix: link.inboxPrefix,
    problems: () => link.problems(),
    onReconnect: (listener) => link.onReconnect(listener),
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  }
}
