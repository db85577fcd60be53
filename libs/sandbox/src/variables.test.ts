import { expect, test } from 'vitest'
import { bootEnvironment, extensionVariables, functionVariables } from './variables.ts'

const facts = {
  functionName: 'f',
  version: '7',
  handler: 'index.handler',
  runtime: 'nodejs22.x',
  memoryMb: 512,
  region: 'eu-west-1',
  logGroup: '/aws/lambda/f',
  logStream: 's',
  logFormat: 'Text',
  environment: {},
}
const sandbox = {
  taskRoot: '/var/task',
  layersRoot: '/opt',
  runtimeApi: '127.0.0.1:9001',
  endpointUrl: 'http://127.0.0.1:9002',
}
const credentials = { accessKeyId: 'ASIA', secretAccessKey: 's', sessionToken: 't' }

test('reserved names cannot be chosen, the others can', () => {
  const environment = {
    AWS_REGION: 'x',
    AWS_ACCESS_KEY_ID: 'x',
    _HANDLER: 'x',
    TZ: 'Europe/Berlin',
    PATH: '/p',
    OWN: '1',
  }
  expect(functionVariables({ ...facts, environment }, sandbox, credentials)).toMatchObject({
    ...{
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'ASIA',
      _HANDLER: 'index.handler',
    },
    ...{ TZ: 'Europe/Berlin', PATH: '/p', OWN: '1', LANG: 'en_US.UTF-8' },
    ...{
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_LAMBDA_FUNCTION_VERSION: '7',
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
    },
    ...{ AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x', AWS_ENDPOINT_URL: 'http://127.0.0.1:9002' },
    NODE_PATH: expect.stringMatching(/^\/opt\/nodejs\/node22\/node_modules:/),
  })
})

test('without a way back or credentials there are none', () => {
  const variables = functionVariables(
    { ...facts, runtime: 'python3.11' },
    { ...sandbox, endpointUrl: undefined },
    undefined,
  )
  expect(Object.keys(variables).filter((name) => /ENDPOINT|SECRET|TOKEN|NODE_PATH/.test(name))).toEqual([])
})

test('variables that count at boot are found', () => {
  expect(bootEnvironment({ NODE_OPTIONS: '--max-http-header-size=1', A: 'b' })).toEqual({
    NODE_OPTIONS: '--max-http-header-size=1',
  })
})

test('extensions see what the function was given, and not what only its runtime needs', () => {
  const variables = functionVariables({ ...facts, environment: { OWN: '1' } }, sandbox, credentials)
  expect(extensionVariables(variables)).toMatchObject({ OWN: '1', AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'ASIA' })
  expect(extensionVariables(variables)).not.toHaveProperty('_HANDLER')
  expect(extensionVariables(variables)).not.toHaveProperty('AWS_EXECUTION_ENV')
})

test('a provisioned environment is told what it is', () => {
  const of = (more: object) => functionVariables({ ...facts, ...more }, sandbox, credentials)
  expect(of({}).AWS_LAMBDA_INITIALIZATION_TYPE).toBe('on-demand')
  const initializationType = 'provisioned-concurrency'
  expect(of({ initializationType }).AWS_LAMBDA_INITIALIZATION_TYPE).toBe(initializationType)
})

test('an image says itself where things lie; what tells a function who it is stays', () => {
  const image = { ...facts, runtime: 'image', handler: '', environment: { PATH: '/image/bin', AWS_REGION: 'x' } }
  const variables = functionVariables(image, sandbox, credentials)
  expect(variables).toMatchObject({
    ...{ PATH: '/image/bin', HOME: '/tmp', AWS_REGION: 'eu-west-1', AWS_LAMBDA_FUNCTION_NAME: 'f' },
    ...{ AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001', AWS_ACCESS_KEY_ID: 'ASIA' },
  })
  for (const name of [
    '_HANDLER',
    'AWS_EXECUTION_ENV',
    'LAMBDA_TASK_ROOT',
    'LAMBDA_RUNTIME_DIR',
    'LD_LIBRARY_PATH',
    'LANG',
    'TZ',
  ])
    expect(variables).not.toHaveProperty([name])
})
