import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { DemoFailure, eventually } from './failure.ts'

export interface Total {
  readonly name: string
  readonly packages: number
  readonly bytes: number
}

/** The answer of `examples/package-report`. */
export interface PackageReport {
  readonly packages: number
  readonly bytes: number
  readonly batches: number
  readonly kinds: readonly Total[]
  readonly sections: readonly Total[]
  readonly licences: readonly Total[]
}

/** Calls a function and reads its JSON answer; a function that failed is a failure of the step. */
export async function call<T>(lambda: LambdaClient, FunctionName: string, event: object): Promise<T> {
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
  )
  const text = Payload?.transformToString() ?? ''
  if (FunctionError) throw new DemoFailure(`${FunctionName} failed: ${text.slice(0, 500)}`)
  return JSON.parse(text) as T
}

const allSeenWithinMs = 180_000

/** Waits until the report function finds `packages` packages in the ledger. */
export async function awaitReport(
  lambda: LambdaClient,
  functionName: string,
  packages: number,
  hint: () => Promise<string>,
): Promise<PackageReport> {
  let seen = 0
  let why = ''
  return eventually(
    allSeenWithinMs,
    async () => {
      const report = await call<PackageReport>(lambda, functionName, { top: 8 })
      if (report.packages >= packages) return report
      seen = report.packages
      why = await hint()
      return undefined
    },
    () => `the report sees ${seen} of ${packages} packages; ${why}`,
  )
}
