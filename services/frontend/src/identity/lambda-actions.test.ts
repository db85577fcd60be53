import { operationNames } from '@weft/aws'
import { accountId } from '@weft/contracts'
import { describe, expect, it } from 'vitest'
import { functionResource, type LambdaInput, lambdaAction, lambdaContext, lambdaResource } from './lambda-actions.ts'

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const prefix = 'arn:aws:lambda:us-east-1:123456789012'
const resource = (operation: (typeof operationNames)[number], input: object) =>
  lambdaResource(scope, operation, input as LambdaInput)

it('names every operation of the API as policies do', () => {
  for (const operation of operationNames) expect(lambdaAction(operation)).toMatch(/^lambda:[A-Z]\w+$/)
  expect(lambdaAction('Invoke')).toBe('lambda:InvokeFunction')
  expect(lambdaAction('InvokeWithResponseStream')).toBe('lambda:InvokeFunction')
  expect(lambdaAction('InvokeAsync')).toBe('lambda:InvokeFunction')
  expect(lambdaAction('GetLayerVersionByArn')).toBe('lambda:GetLayerVersion')
  expect(lambdaAction('CreateFunction')).toBe('lambda:CreateFunction')
})

describe('the resource', () => {
  it.each([
    ['GetFunction', { FunctionName: 'f' }, `${prefix}:function:f`],
    ['GetFunction', { FunctionName: 'f:1' }, `${prefix}:function:f:1`],
    ['GetFunction', { FunctionName: 'f', Qualifier: 'live' }, `${prefix}:function:f:live`],
    ['GetFunction', { FunctionName: '210987654321:function:f' }, 'arn:aws:lambda:us-east-1:210987654321:function:f'],
    ['GetFunction', { FunctionName: `${prefix}:function:f:2` }, `${prefix}:function:f:2`],
    ['GetFunction', { FunctionName: 'not a name' }, '*'],
    ['CreateAlias', { FunctionName: 'f', Name: 'live', FunctionVersion: '1' }, `${prefix}:function:f`],
    ['ListFunctions', {}, '*'],
    ['GetAccountSettings', {}, '*'],
    ['CreateEventSourceMapping', { FunctionName: 'f' }, '*'],
    ['ListEventSourceMappings', { FunctionName: 'f' }, '*'],
    ['DeleteEventSourceMapping', { UUID: 'u' }, `${prefix}:event-source-mapping:u`],
    ['TagResource', { Resource: `${prefix}:function:f`, Tags: {} }, `${prefix}:function:f`],
    ['PublishLayerVersion', { LayerName: 'l' }, `${prefix}:layer:l`],
    ['GetLayerVersion', { LayerName: 'l', VersionNumber: 3 }, `${prefix}:layer:l:3`],
    ['GetLayerVersionByArn', { Arn: `${prefix}:layer:l:3` }, `${prefix}:layer:l:3`],
    [
      'GetCodeSigningConfig',
      { CodeSigningConfigArn: `${prefix}:code-signing-config:csc-1` },
      `${prefix}:code-signing-config:csc-1`,
    ],
  ] as const)('of %s %j', (operation, input, expected) => {
    expect(resource(operation, input)).toBe(expected)
  })

  it('of a call is the function as it was named', () => {
    expect(functionResource(scope, 'f', '$LATEST')).toBe(`${prefix}:function:f:$LATEST`)
    expect(functionResource(scope, 'f')).toBe(`${prefix}:function:f`)
    expect(functionResource(scope, '..')).toBeUndefined()
  })
})

it('tells policies what the request asks for', () => {
  const context = lambdaContext({
    FunctionName: 'f',
    Layers: ['l:1'],
    VpcConfig: { SubnetIds: ['s'] },
    Tags: { Team: 'blue' },
  } as unknown as LambdaInput)
  expect(context).toMatchObject({
    'lambda:layer': ['l:1'],
    'lambda:subnetids': ['s'],
    'aws:tagkeys': ['Team'],
    'aws:requesttag/team': 'blue',
  })
})
