import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  account,
  type RawRequest,
  rawRequest,
  role,
  startTestFrontend,
  type TestFrontend,
  zipOf,
} from './testing/index.ts'

/**
 * Refusals as recorded from AWS: status, error type and the whole body, word for word, because tools match on them.
 */
let frontend: TestFrontend
let zip = ''
const functions = '/2015-03-31/functions'
const arn = `arn:aws:lambda:us-east-1:${account}:function`
const json = (value: unknown): string => JSON.stringify(value)
const post = (path: string, body: object): RawRequest => ({ path, body: json(body) })
const put = (path: string, body: object): RawRequest => ({ method: 'PUT', path, body: json(body) })
const get = (path: string): RawRequest => ({ method: 'GET', path })
const create = (change: object = {}): RawRequest =>
  post(functions, {
    FunctionName: 'fresh',
    Runtime: 'nodejs24.x',
    Role: role,
    Handler: 'index.handler',
    Code: { ZipFile: zip },
    ...change,
  })
const provisioned = '/2019-09-30/functions/one/provisioned-concurrency'
const stream = `arn:aws:jetstream:us-east-1:${account}:stream/orders`

beforeAll(async () => {
  frontend = await startTestFrontend({ provisionedStates: { status: async () => undefined } })
  zip = (await zipOf()).toString('base64')
  const given = [
    create({ FunctionName: 'one', Publish: true }),
    post(`${functions}/one/aliases`, { Name: 'live', FunctionVersion: '1' }),
    post(`${functions}/one/aliases`, { Name: 'also', FunctionVersion: '1' }),
    put(`${provisioned}?Qualifier=live`, { ProvisionedConcurrentExecutions: 2 }),
    post(`${functions}/one/policy`, { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: account }),
    create({ FunctionName: 'two' }),
  ]
  for (const request of given) expect((await rawRequest(frontend.endpoint, request)).status).toBeLessThan(300)
})
afterAll(() => frontend[Symbol.asyncDispose]())

const user = (message: string) => ({ Type: 'User', message })
const userCapital = (Message: string) => ({ Type: 'User', Message })
const invalid = 'InvalidParameterValueException'
const missing = 'ResourceNotFoundException'
const variables = { KEY: 'x'.repeat(4_096) }

const recorded: readonly (readonly [
  what: string,
  request: () => RawRequest,
  status: number,
  code: string,
  body: unknown,
])[] = [
  [
    'no zip',
    () => create({ Code: { ZipFile: 'bm8gemlw' } }),
    400,
    invalid,
    user('Could not unzip uploaded file. Please check your file, then try to upload again.'),
  ],
  [
    'a zip that is too large',
    () => create({ Code: { ZipFile: Buffer.alloc(52_428_801).toString('base64') } }),
    413,
    'RequestEntityTooLargeException',
    { message: 'Zipped size must be smaller than 52428800 bytes' },
  ],
  [
    'a request that is too large',
    () => ({ path: functions, body: Buffer.alloc(70_167_212, 0x20) }),
    413,
    'RequestEntityTooLargeException',
    { message: 'Request must be smaller than 70167211 bytes for the CreateFunction operation' },
  ],
  [
    'six layers',
    () => create({ Layers: Array.from({ length: 6 }, (_, i) => `arn:aws:lambda:us-east-1:${account}:layer:l${i}:1`) }),
    400,
    invalid,
    user('Cannot reference more than 5 layers.'),
  ],
  [
    'an environment that is too large',
    () => create({ Environment: { Variables: variables } }),
    400,
    invalid,
    user(
      `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: ${json(variables)}`,
    ),
  ],
  [
    'a reservation that leaves too little',
    () => put('/2017-10-31/functions/two/concurrency', { ReservedConcurrentExecutions: 999 }),
    400,
    invalid,
    user(
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
    ),
  ],
  [
    'a reservation below what is provisioned',
    () => put('/2017-10-31/functions/one/concurrency', { ReservedConcurrentExecutions: 1 }),
    400,
    invalid,
    user(" ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."),
  ],
  [
    'provisioned concurrency of $LATEST',
    () => put(`${provisioned}?Qualifier=%24LATEST`, { ProvisionedConcurrentExecutions: 1 }),
    400,
    invalid,
    user('Provisioned Concurrency Configs cannot be applied to unpublished function versions.'),
  ],
  [
    'provisioned concurrency of a second alias',
    () => put(`${provisioned}?Qualifier=also`, { ProvisionedConcurrentExecutions: 1 }),
    409,
    'ResourceConflictException',
    user("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"),
  ],
  [
    'two more versions of an alias',
    () => put(`${functions}/one/aliases/live`, { RoutingConfig: { AdditionalVersionWeights: { '2': 0.1, '3': 0.1 } } }),
    400,
    invalid,
    user('Number of items in AdditionalVersionWeights cannot be greater than 1'),
  ],
  [
    'weights of an alias of $LATEST',
    () =>
      post(`${functions}/one/aliases`, {
        Name: 'edge',
        FunctionVersion: '$LATEST',
        RoutingConfig: { AdditionalVersionWeights: { '1': 0.1 } },
      }),
    400,
    invalid,
    { message: '$LATEST is not supported for an alias pointing to more than 1 version' },
  ],
  [
    'an alias that exists',
    () => post(`${functions}/one/aliases`, { Name: 'live', FunctionVersion: '1' }),
    409,
    'ResourceConflictException',
    user(`Alias already exists: ${arn}:one:live`),
  ],
  [
    'the deletion of $LATEST',
    () => ({ method: 'DELETE', path: `${functions}/one?Qualifier=%24LATEST` }),
    400,
    invalid,
    user('$LATEST version cannot be deleted without deleting the function.'),
  ],
  [
    'a function that exists',
    () => create({ FunctionName: 'one' }),
    409,
    'ResourceConflictException',
    user('Function already exist: one'),
  ],
  ['a missing function', () => get(`${functions}/gone`), 404, missing, userCapital(`Function not found: ${arn}:gone`)],
  [
    'a call of a missing function',
    () => post(`${functions}/gone/invocations`, {}),
    404,
    missing,
    userCapital(`Function not found: ${arn}:gone:$LATEST`),
  ],
  [
    'a missing mapping',
    () => get('/2015-03-31/event-source-mappings/00000000-0000-0000-0000-000000000000'),
    404,
    missing,
    userCapital('The resource you requested does not exist.'),
  ],
  [
    'event settings of a missing function',
    () => put('/2019-09-25/functions/gone/event-invoke-config', { MaximumRetryAttempts: 1 }),
    404,
    missing,
    userCapital("The function doesn't exist."),
  ],
  [
    'missing event settings',
    () => get('/2019-09-25/functions/two/event-invoke-config'),
    404,
    missing,
    userCapital(`The function ${arn}:two:$LATEST doesn't have an EventInvokeConfig`),
  ],
  [
    'a mapping to a missing function',
    () =>
      post('/2015-03-31/event-source-mappings', {
        FunctionName: 'gone',
        EventSourceArn: stream,
        StartingPosition: 'LATEST',
      }),
    400,
    invalid,
    user('Function does not exist'),
  ],
  [
    'no tags',
    () => post(`/2017-03-31/tags/${encodeURIComponent(`${arn}:one`)}`, { Tags: {} }),
    400,
    invalid,
    user('An error occurred and the request cannot be processed.'),
  ],
  [
    'a missing policy',
    () => get(`${functions}/two/policy`),
    404,
    missing,
    userCapital('The resource you requested does not exist.'),
  ],
  [
    'a statement of a missing policy',
    () => ({ method: 'DELETE', path: `${functions}/two/policy/s` }),
    404,
    missing,
    userCapital('No policy is associated with the given resource.'),
  ],
  [
    'a statement that exists',
    () => post(`${functions}/one/policy`, { StatementId: 's', Action: 'lambda:InvokeFunction', Principal: account }),
    409,
    'ResourceConflictException',
    user(
      'The statement id (s) provided already exists. Please provide a new statement id, or remove the existing statement.',
    ),
  ],
  [
    'two qualifiers that differ',
    () => get(`${functions}/one%3Alive?Qualifier=1`),
    400,
    invalid,
    user('The derived qualifier from the function name does not match the specified qualifier.'),
  ],
  [
    'a payload that is too large for an event',
    () => ({
      path: `${functions}/one/invocations`,
      headers: { 'x-amz-invocation-type': 'Event' },
      body: json('x'.repeat(1_048_575)),
    }),
    413,
    'RequestEntityTooLargeException',
    { message: '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)' },
  ],
  [
    'a stale revision',
    () => put(`${functions}/one/configuration`, { RevisionId: 'stale' }),
    412,
    'PreconditionFailedException',
    user(
      'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    ),
  ],
  [
    'a log level with text',
    () => create({ LoggingConfig: { LogFormat: 'Text', SystemLogLevel: 'WARN' } }),
    400,
    invalid,
    user(
      'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "JSON" and try again.',
    ),
  ],
  [
    'a mapping without a place to start',
    () => post('/2015-03-31/event-source-mappings', { FunctionName: 'one', EventSourceArn: stream }),
    400,
    invalid,
    user(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    ),
  ],
  [
    'a name that is too long',
    () => create({ FunctionName: 'x'.repeat(65) }),
    400,
    invalid,
    user(
      `1 validation error detected: Value '${'x'.repeat(65)}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    ),
  ],
  [
    'a value out of range',
    () => create({ EphemeralStorage: { Size: 511 } }),
    400,
    'ValidationException',
    {
      message:
        "1 validation error detected: Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to 512",
    },
  ],
  [
    'a URL of a version, before the function is looked for',
    () => post('/2021-10-31/functions/gone/url?Qualifier=1', { AuthType: 'NONE' }),
    400,
    'ValidationException',
    {
      message:
        "1 validation error detected: Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)",
    },
  ],
  [
    'a missing code signing config',
    () =>
      get(
        `/2020-04-22/code-signing-configs/arn%3Aaws%3Alambda%3Aus-east-1%3A${account}%3Acode-signing-config%3Acsc-${'0'.repeat(17)}`,
      ),
    404,
    missing,
    {
      Message: `The Lambda code signing configuration arn:aws:lambda:us-east-1:${account}:code-signing-config:csc-${'0'.repeat(17)} can not be found.`,
    },
  ],
]

it.each(recorded)('%s', async (_what, request, status, code, body) => {
  const answer = await rawRequest(frontend.endpoint, request())
  expect({ status: answer.status, code: answer.code, body: JSON.parse(answer.text) }).toEqual({ status, code, body })
})
