import { type OperationInputs, validateInput } from '@weft/aws'
import { err } from '@weft/contracts'
import { type Management, type Operations, rules, type ServedOperation } from './api.ts'
import type { InvokeInput, Operation } from './context.ts'
import type { OperationDeps } from './deps.ts'
import { invoke } from './invoke.ts'
import { publishEvent } from './publish-event.ts'

/** Everything a door can ask for, each operation behind the checks of the API model and the policies of the caller. */
export function createOperations(deps: OperationDeps): Operations {
  const checked = Object.entries(rules).map(([name, rule]) => [
    name,
    guarded(deps, name as ServedOperation, rule(deps) as Operation<OperationInputs[ServedOperation], unknown>),
  ])
  return {
    management: Object.fromEntries(checked) as Management,
    invoke: guardedCall(deps, invoke(deps)),
    invokeAdmitted: invoke(deps),
    publish: guardedCall(deps, publishEvent(deps)),
  }
}

const guarded =
  <Input extends OperationInputs[ServedOperation]>(
    deps: OperationDeps,
    name: ServedOperation,
    operation: Operation<Input, unknown>,
  ): Operation<Input, unknown> =>
  async (context, input) => {
    const problem = validateInput(name, input)
    if (problem) return err(problem)
    const admitted = deps.guard.management(name, context, input)
    return admitted.ok ? operation(admitted.value, input) : admitted
  }

const guardedCall =
  <Input extends Pick<InvokeInput, 'functionName' | 'qualifier'>, Output>(
    deps: OperationDeps,
    operation: Operation<Input, Output>,
  ): Operation<Input, Output> =>
  async (context, input) => {
    const admitted = deps.guard.call(context, input.functionName, input.qualifier)
    return admitted.ok ? operation(admitted.value, input) : admitted
  }
