import type { OperationInputs, OperationOutputs } from '@weft/aws'
import type { InvokeInput, InvokeOutput, Operation, PublishInput, PublishOutput } from './context.ts'
import type { OperationDeps } from './deps.ts'
import * as served from './served.ts'

export type ServedOperation = Capitalize<keyof typeof served>

/**
 * Management of functions and mappings, in the shapes of the AWS API. Inputs are checked against the API model inside, so
 * every door gives the same refusals.
 */
export type Management = { readonly [O in ServedOperation]: Operation<OperationInputs[O], OperationOutputs[O]> }

/** How each operation is made of what it works with. */
export const rules = Object.fromEntries(
  Object.entries(served).map(([name, rule]) => [name.charAt(0).toUpperCase() + name.slice(1), rule]),
) as { readonly [O in ServedOperation]: (deps: OperationDeps) => Management[O] }

/** Rules that do not fit the shapes of the operation of their name do not compile. */
served satisfies { readonly [N in keyof typeof served]: (deps: OperationDeps) => Management[Capitalize<N>] }

export const servedOperations = Object.keys(rules) as readonly ServedOperation[]

/** What every door can ask for. */
export interface Operations {
  readonly management: Management
  readonly invoke: Operation<InvokeInput, InvokeOutput>
  /** The same in the name of the function's account, for doors that have asked its policies themselves. */
  readonly invokeAdmitted: Operation<InvokeInput, InvokeOutput>
  readonly publish: Operation<PublishInput, PublishOutput>
}
