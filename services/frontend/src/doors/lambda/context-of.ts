import type { CallContext } from '../../operations/context.ts'
import type { DoorRequest } from '../door.ts'

export const contextOf = ({ principal, requestId, signal, sourceIp }: DoorRequest): CallContext => ({
  principal,
  requestId,
  signal,
  ...(sourceIp !== undefined && { sourceIp }),
})
