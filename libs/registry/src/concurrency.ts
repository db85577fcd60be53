import { type AwsError, type FunctionRecord, limits, ok, type Result } from '@weft/contracts'
import { invalidParameter } from './errors.ts'

/** Environments provisioned for all qualifiers of a function. */
export const provisionedTotal = (record: FunctionRecord): number =>
  Object.values(record.provisioned ?? {}).reduce((sum, { requested }) => sum + requested, 0)

/** What of the account's concurrency no function has for itself; what is provisioned is part of a reservation if there is one. */
export const unreservedConcurrency = (accountLimit: number, functions: readonly FunctionRecord[]): number =>
  accountLimit - functions.reduce((sum, one) => sum + (one.reservedConcurrency ?? provisionedTotal(one)), 0)

/** Sets a function's reserved concurrency. Errors: InvalidParameterValueException when too little stays unreserved. */
export function reserveConcurrency(
  record: FunctionRecord,
  wanted: number,
  accountLimit: number,
  functions: readonly FunctionRecord[],
): Result<FunctionRecord, AwsError> {
  const others = functions.filter((one) => one.functionName !== record.functionName)
  const provisioned = provisionedTotal(record)
  if (wanted < provisioned)
    // With its stray spaces, as recorded from AWS.
    return invalidParameter(
      ` ReservedConcurrentExecutions  ${wanted} should not be lower than function's total provisioned concurrency [${provisioned}].`,
    )
  // An account that is smaller than the minimum could otherwise reserve nothing, not even zero.
  const minimum = Math.min(limits.minimumUnreservedConcurrency, accountLimit)
  if (wanted > 0 && unreservedConcurrency(accountLimit, others) - wanted < minimum)
    return invalidParameter(
      `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${minimum}].`,
    )
  return ok({ ...record, reservedConcurrency: wanted })
}

export function releaseConcurrency(record: FunctionRecord): FunctionRecord {
  const { reservedConcurrency: _released, ...rest } = record
  return rest
}
