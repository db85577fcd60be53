import {
  CreateAliasCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  LambdaServiceException,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { functionName, streamArn } from '@weft/contracts'
import { createFaults, seededRandom } from '@weft/kit'
import type { CatalogueStores } from '@weft/registry'
import { expect, test, vi } from 'vitest'
import { account, keys, role, startTestFrontend, zipOf } from './testing/index.ts'

vi.setConfig({ testTimeout: 120_000 })

const names = ['a', 'b', 'c']
const aliases = ['live', 'next']
const rates = { timeout: 0.05, 'done-but-timed-out': 0.05, unavailable: 0.05 }

/** What a caller may be told of a request that is right by itself, while others run and the store fails now and then. */
const honestAnswers = [
  'ResourceConflictException',
  'ResourceNotFoundException',
  'ServiceException',
  'ServiceUnavailableException',
  // A mapping on a function that is not there, in AWS's words.
  'InvalidParameterValueException',
]

test.each([1, 2, 3, 4, 5, 6])('stores that fail now and then leave nothing half made (seed %i)', async (seed) => {
  const methods = ['read', 'create', 'replace', 'remove', 'put', 'get', 'accept']
  const faults = createFaults({ seed, rates, methods })
  faults.enabled = false
  await using frontend = await startTestFrontend(({ catalogue, code, events }) => ({
    code: faults.wrap(code),
    events: faults.wrap(events),
    stores: Object.fromEntries(
      Object.entries(catalogue.stores).map(([kind, store]) => [kind, faults.wrap(store)]),
    ) as unknown as CatalogueStores,
  }))
  const { catalogue, code, events } = frontend
  const client = new LambdaClient({
    endpoint: frontend.endpoint,
    region: 'us-east-1',
    credentials: keys,
    maxAttempts: 1,
  })
  const random = seededRandom(seed)
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const packages = await Promise.all(
    [0, 1, 2].map((n) => zipOf([{ name: 'index.mjs', content: `export const handler = () => ${n}\n` }])),
  )
  /** Code that a version number was told to have; a number must never mean two things. */
  const codeOfVersion = new Map<string, string>()
  const mappings: string[] = []
  let accepted = 0
  let refusals = 0

  const steps: readonly (() => Promise<unknown>)[] = [
    () =>
      client.send(
        new CreateFunctionCommand({
          ...{ FunctionName: one(names), Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler' },
          ...{ Code: { ZipFile: one(packages) }, Publish: random() < 0.3 },
        }),
      ),
    () =>
      client.send(
        new UpdateFunctionCodeCommand({
          ...{ FunctionName: one(names), ZipFile: one(packages), Publish: random() < 0.5 },
        }),
      ),
    () =>
      client.send(
        new UpdateFunctionConfigurationCommand({ FunctionName: one(names), Timeout: 1 + Math.floor(random() * 9) }),
      ),
    async () => {
      const name = one(names)
      const { Version, CodeSha256, FunctionArn } = await client.send(new PublishVersionCommand({ FunctionName: name }))
      const before = codeOfVersion.get(`${FunctionArn}`)
      if (before !== undefined) expect(CodeSha256, `${name}:${Version}`).toBe(before)
      codeOfVersion.set(`${FunctionArn}`, `${CodeSha256}`)
    },
    () => client.send(new CreateAliasCommand({ FunctionName: one(names), Name: one(aliases), FunctionVersion: '1' })),
    () =>
      client.send(
        new UpdateAliasCommand({ FunctionName: one(names), Name: one(aliases), FunctionVersion: one(['1', '2', '3']) }),
      ),
    () => client.send(new DeleteAliasCommand({ FunctionName: one(names), Name: one(aliases) })),
    () =>
      client.send(
        new PutFunctionConcurrencyCommand({
          FunctionName: one(names),
          ReservedConcurrentExecutions: Math.floor(random() * 9),
        }),
      ),
    () =>
      client.send(
        new TagResourceCommand({
          Resource: `arn:aws:lambda:us-east-1:${account}:function:${one(names)}`,
          Tags: { k: `${random()}` },
        }),
      ),
    async () => {
      const EventSourceArn = streamArn('us-east-1', account, one(['S', 'T']))
      const made = await client.send(
        new CreateEventSourceMappingCommand({ FunctionName: one(names), EventSourceArn, StartingPosition: 'LATEST' }),
      )
      mappings.push(`${made.UUID}`)
    },
    () => client.send(new UpdateEventSourceMappingCommand({ UUID: one(mappings), BatchSize: 7 })),
    () => client.send(new DeleteEventSourceMappingCommand({ UUID: one(mappings) })),
    () => client.send(new DeleteFunctionCommand({ FunctionName: one(names) })),
    () => client.send(new DeleteFunctionCommand({ FunctionName: one(names), Qualifier: one(['1', '2', '3']) })),
    async () => {
      await client.send(new InvokeCommand({ FunctionName: one(names), InvocationType: 'Event' }))
      accepted += 1
    },
  ]
  await steps[0]?.()
  await steps[9]?.().catch(() => undefined)
  if (mappings.length === 0) mappings.push('00000000-0000-4000-8000-000000000000')

  faults.enabled = true
  for (let n = 0; n < 400; n++) {
    try {
      await one(steps)()
    } catch (error) {
      if (!(error instanceof LambdaServiceException)) throw error
      expect(honestAnswers, error.message).toContain(error.name)
      if ((error.$metadata.httpStatusCode ?? 0) >= 500) refusals += 1
      expect(error.message).not.toMatch(/injected/)
    }
  }
  faults.enabled = false

  expect(faults.injected.length).toBeGreaterThan(50)
  expect(refusals).toBeGreaterThan(20)
  // Acceptance is told only of what was stored; what was stored may have gone untold.
  expect(events.events.length).toBeGreaterThanOrEqual(accepted)
  for (const record of catalogue.functions(account)) {
    const versions = catalogue.versions(account, record.functionName)
    for (const version of [record.latest, ...versions]) {
      expect(code.packages.has(version.code.digest), `${record.functionName}:${version.version}`).toBe(true)
      expect(Number(version.version === '$LATEST' ? 0 : version.version)).toBeLessThanOrEqual(record.lastVersion ?? 0)
    }
    for (const alias of catalogue.aliases(account, record.functionName))
      expect(['$LATEST', ...versions.map((v) => v.version)]).toContain(alias.functionVersion)
  }
  // With the store well again, everything can be taken away and made anew without a trace of what was.
  for (const name of names) {
    await client.send(new DeleteFunctionCommand({ FunctionName: name })).catch((error: Error) => {
      expect(error.name).toBe('ResourceNotFoundException')
    })
    await client.send(
      new CreateFunctionCommand({
        ...{ FunctionName: name, Role: role, Runtime: 'nodejs24.x', Handler: 'index.handler' },
        ...{ Code: { ZipFile: packages[0] } },
      }),
    )
    const { Version, FunctionArn } = await client.send(new PublishVersionCommand({ FunctionName: name }))
    expect(codeOfVersion.has(`${FunctionArn}`), `${name}:${Version} was given before`).toBe(false)
    expect(catalogue.aliases(account, functionName(name))).toEqual([])
  }
})
