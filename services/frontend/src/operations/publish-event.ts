import { ok } from '@weft/contracts'
import { invalidParameter } from '@weft/registry'
import { acceptEvent } from './accept-event.ts'
import type { Operations } from './api.ts'
import { type OperationDeps, scopeOf } from './deps.ts'
import { prepare } from './invoke.ts'

export const publishEvent =
  (deps: OperationDeps): Operations['publish'] =>
  async (context, input) => {
    // It becomes a message header: printable ASCII without spaces.
    if (input.deduplicationId !== undefined && !/^[\x21-\x7e]{1,128}$/.test(input.deduplicationId))
      return invalidParameter('The deduplication id must have 1 to 128 printable ASCII characters without spaces.')
    const prepared = await prepare(deps, scopeOf(deps, context.principal), { ...input, invocationType: 'Event' })
    if (!prepared.ok) return prepared
    const accepted = await acceptEvent(deps, context, prepared.value.target, prepared.value.payload, input)
    return accepted.ok ? ok({ requestId: context.requestId, duplicate: accepted.value.duplicate }) : accepted
  }
