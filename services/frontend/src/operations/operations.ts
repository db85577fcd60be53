import { type OperationInputs, validateInput } from '@weft/aws'
import { err } from '@weft/contracts'
import { type Management, type Operations, rules, type ServedOperation } from './api.ts'
import type { Operation } from './context.ts'
import type { OperationDeps } from './deps.ts'
import { invoke } from './invoke.ts'
import { publishEvent } from './publish-event.ts'

/** Everything a door can ask for, each operation behind the checks of the API model. */
export function createOperations(deps: OperationDeps): Operations {
  const checked = Object.entries(rules).map(([name, rule]) => [
    name,
    behindModel(name as ServedOperation, rule(deps) as Operation<OperationInputs[ServedOperation], unknown>),
  ])
  return {
    management: Object.fromEntries(checked) as Management,
    invoke: invoke(deps),
    publish: publishEvent(deps),
  }
}

const behindModel =
  <Input extends OperationInputs[ServedOperation]>(
    name: ServedOperation,
    operation: Operation<Input, unknown>,
  ): Operation<Input, unknown> =>
  async (context, input) => {
    const problem = validateInput(name, input)
    return problem ? err(problem) : operation(context, input)
  }
