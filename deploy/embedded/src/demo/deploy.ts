import { createHash } from 'node:crypto'
import {
  CreateFunctionCommand,
  type FunctionConfiguration,
  GetFunctionCommand,
  type LambdaClient,
  LambdaServiceException,
  type Runtime,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { DemoFailure, eventually } from './failure.ts'
import type { ExampleFunction } from './functions.ts'
import { zipFolder } from './zip-folder.ts'

export interface Deployed {
  readonly functionName: string
  readonly functionArn: string
  readonly runtime: string
  readonly what: 'created' | 'updated' | 'unchanged'
}

const activeWithinMs = 60_000

/** Whether a call was refused with this AWS error code. */
export const refusedAs = (error: unknown, code: string): error is LambdaServiceException =>
  error instanceof LambdaServiceException && error.name === code

/** Brings a function to what its folder holds: creates it, updates what differs, or leaves it as it is. */
export async function deploy(lambda: LambdaClient, wanted: ExampleFunction, roleArn: string): Promise<Deployed> {
  const zip = await zipFolder(wanted.folder)
  const found = await lambda
    .send(new GetFunctionCommand({ FunctionName: wanted.functionName }))
    .catch((error: unknown) => {
      if (refusedAs(error, 'ResourceNotFoundException')) return undefined
      throw error
    })
  const what = found?.Configuration
    ? await update(lambda, wanted, zip, roleArn, found.Configuration)
    : await create(lambda, wanted, zip, roleArn)
  const configuration = await active(lambda, wanted.functionName)
  return {
    functionName: wanted.functionName,
    functionArn: configuration.FunctionArn ?? '',
    runtime: configuration.Runtime ?? '',
    what,
  }
}

async function create(lambda: LambdaClient, wanted: ExampleFunction, zip: Buffer, roleArn: string): Promise<'created'> {
  let refusal = ''
  for (const runtime of wanted.runtimes) {
    try {
      await lambda.send(
        new CreateFunctionCommand({
          FunctionName: wanted.functionName,
          Runtime: runtime as Runtime,
          ...configurationOf(wanted, roleArn),
          Code: { ZipFile: zip },
        }),
      )
      return 'created'
    } catch (error) {
      if (!refusedAs(error, 'InvalidParameterValueException') || !/runtime/i.test(error.message)) throw error
      refusal = error.message
    }
  }
  throw new DemoFailure(`${wanted.functionName} needs one of ${wanted.runtimes.join(', ')}: ${refusal}`)
}

async function update(
  lambda: LambdaClient,
  wanted: ExampleFunction,
  zip: Buffer,
  roleArn: string,
  present: FunctionConfiguration,
): Promise<'updated' | 'unchanged'> {
  const FunctionName = wanted.functionName
  let what: 'updated' | 'unchanged' = 'unchanged'
  if (present.CodeSha256 !== createHash('sha256').update(zip).digest('base64')) {
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: zip }))
    await active(lambda, FunctionName)
    what = 'updated'
  }
  const same =
    present.Role === roleArn &&
    present.Handler === wanted.handler &&
    present.MemorySize === wanted.memoryMb &&
    present.Timeout === wanted.timeoutSeconds &&
    isSame(present.Environment?.Variables ?? {}, wanted.environment)
  if (!same) {
    await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, ...configurationOf(wanted, roleArn) }))
    what = 'updated'
  }
  return what
}

const configurationOf = (wanted: ExampleFunction, roleArn: string) => ({
  Role: roleArn,
  Handler: wanted.handler,
  MemorySize: wanted.memoryMb,
  Timeout: wanted.timeoutSeconds,
  Environment: { Variables: { ...wanted.environment } },
})

const isSame = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

const active = (lambda: LambdaClient, FunctionName: string): Promise<FunctionConfiguration> => {
  let state = 'unknown'
  return eventually(
    activeWithinMs,
    async () => {
      const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName }))
      state = `${Configuration?.State}, last update ${Configuration?.LastUpdateStatus}`
      if (Configuration?.State === 'Failed') throw new DemoFailure(`${FunctionName}: ${Configuration.StateReason}`)
      return Configuration?.State === 'Active' && Configuration.LastUpdateStatus === 'Successful'
        ? Configuration
        : undefined
    },
    () => `${FunctionName} did not become active: ${state}`,
  )
}
