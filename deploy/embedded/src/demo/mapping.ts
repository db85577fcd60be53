import {
  CreateEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  type LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda'
import { DemoFailure, eventually } from './failure.ts'

const enabledWithinMs = 30_000
export const batchSize = 100

export interface Mapping {
  readonly uuid: string
  readonly what: 'created' | 'enabled' | 'unchanged'
}

/** The mapping of the stream to the function: found, switched on again, or created; resolves once it is enabled. */
export async function ensureMapping(lambda: LambdaClient, streamArn: string, functionName: string): Promise<Mapping> {
  const listed = await lambda.send(
    new ListEventSourceMappingsCommand({ EventSourceArn: streamArn, FunctionName: functionName }),
  )
  const present = listed.EventSourceMappings?.find(({ State }) => State !== 'Deleting')
  const mapping = present?.UUID
    ? { uuid: present.UUID, what: await enable(lambda, present.UUID, present.State) }
    : { uuid: await create(lambda, streamArn, functionName), what: 'created' as const }
  let state = 'unknown'
  await eventually(
    enabledWithinMs,
    async () => {
      state = (await lambda.send(new GetEventSourceMappingCommand({ UUID: mapping.uuid }))).State ?? 'unknown'
      return state === 'Enabled' ? true : undefined
    },
    () => `the event source mapping ${mapping.uuid} is ${state}`,
  )
  return mapping
}

async function enable(lambda: LambdaClient, UUID: string, state: string | undefined): Promise<'enabled' | 'unchanged'> {
  if (state !== 'Disabled' && state !== 'Disabling') return 'unchanged'
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true }))
  return 'enabled'
}

async function create(lambda: LambdaClient, EventSourceArn: string, FunctionName: string): Promise<string> {
  const { UUID } = await lambda.send(
    new CreateEventSourceMappingCommand({
      EventSourceArn,
      FunctionName,
      BatchSize: batchSize,
      StartingPosition: 'TRIM_HORIZON',
    }),
  )
  if (!UUID) throw new DemoFailure('the event source mapping was created without an id')
  return UUID
}

/** What the mapping says about its last batch, for the message of a failure. */
export async function lastResult(lambda: LambdaClient, UUID: string): Promise<string> {
  const { State, LastProcessingResult } = await lambda.send(new GetEventSourceMappingCommand({ UUID }))
  return `the mapping is ${State}, last result: ${LastProcessingResult}`
}
