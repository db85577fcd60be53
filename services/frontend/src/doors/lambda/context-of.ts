import type { CallContext } from '../../operations/context.ts'
import type { DoorRequest } from '../door.ts'

export const contextOf = ({ principal, requestId, signal }: DoorRequest): CallContext => ({
  principal,
  requestId,
  signal,
})
