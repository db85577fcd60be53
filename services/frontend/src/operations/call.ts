import type { OperationInputs, OperationName, OperationOutputs } from '@weft/aws'
import { type AwsError, err, type Result } from '@weft/contracts'
import { type Management, type ServedOperation, servedOperations } from './api.ts'
import type { CallContext, Operation } from './context.ts'
import { type CallOperation, refusalOf } from './refused.ts'

const served: ReadonlySet<string> = new Set(servedOperations)
export const isServed = (name: OperationName): name is ServedOperation => served.has(name)

/** Runs an operation that a door knows by name only; one that is not served is refused with the reason. */
export async function callOperation<O extends Exclude<OperationName, CallOperation>>(
  management: Management,
  name: O,
  context: CallContext,
  input: OperationInputs[O],
): Promise<Result<OperationOutputs[O], AwsError>> {
  if (!isServed(name)) return err(refusalOf(name as Parameters<typeof refusalOf>[0]))
  // The table's entry and its input have the same key, which TypeScript cannot follow through a union.
  const operation = management[name] as unknown as Operation<OperationInputs[O], OperationOutputs[O]>
  return operation(context, input)
}
