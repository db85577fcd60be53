import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'

/** Stands for a message that could not be decoded. */
export const malformed: unique symbol = Symbol('malformed message')
export type Decoded<T> = T | typeof malformed

/**
 * The service with decoders that never throw. grpc-js answers a decoder's exception with INTERNAL and ends the call;
 * a caller's broken message is the caller's mistake, and on a stream it spoils no other message.
 */
export function tolerant<S extends ServiceDefinition>(service: S): S {
  const methods = Object.entries(service).map(([name, method]: [string, MethodDefinition<unknown, unknown>]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      try {
        return method.requestDeserialize(bytes)
      } catch {
        return malformed
      }
    }
    return [name, { ...method, requestDeserialize }]
  })
  return Object.fromEntries(methods) as S
}
