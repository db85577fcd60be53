import { accountId, type FunctionRecord } from '@weft/contracts'
import { expect, it } from 'vitest'
import { applyEventInvoke, eventInvokeOf, eventInvokeQualifiers, withEventInvoke } from './event-invoke.ts'

it('keeps the settings of each qualifier apart', () => {
  const none = { functionArn: 'arn' } as FunctionRecord
  const latest = withEventInvoke(none, '$LATEST', { maximumRetryAttempts: 1 })
  const both = withEventInvoke(latest, 'live', { maximumRetryAttempts: 0 })
  expect(eventInvokeOf(both)).toEqual({ maximumRetryAttempts: 1 })
  expect(eventInvokeOf(both, 'live')).toEqual({ maximumRetryAttempts: 0 })
  expect(eventInvokeOf(both, '1')).toBeUndefined()
  expect(eventInvokeOf(both, 'constructor')).toBeUndefined()
  expect(eventInvokeOf(withEventInvoke(both, '__proto__', { maximumRetryAttempts: 2 }), '__proto__')).toEqual({
    maximumRetryAttempts: 2,
  })
  expect(eventInvokeQualifiers(withEventInvoke(both, '3', {}))).toEqual(['$LATEST', '3', 'live'])
  expect(withEventInvoke(withEventInvoke(both, 'live', undefined), '$LATEST', undefined)).toEqual(none)
})

const scope = { accountId: accountId('123456789012'), region: 'us-east-1' }
const rules = { scope, functionName: 'f', functionExists: (name: string) => ['f', 'g'].includes(name) }
const lambda = (rest: string) => `arn:aws:lambda:us-east-1:123456789012:function:${rest}`

it.each([
  [lambda('g')],
  [lambda('g:live')],
  ['arn:aws:jetstream:us-east-1:123456789012:stream/S'],
  ['arn:aws:jetstream:us-east-1:123456789012:queue/Q'],
  ['arn:aws:jetstream:us-east-1:123456789012:subject/a.b'],
  ['arn:aws:events:us-east-1:123456789012:event-bus/default'],
  ['arn:aws:sns:us-east-1:123456789012:orders'],
])('takes %s as a destination, keeps it and gives it up', (arn) => {
  const set = applyEventInvoke({}, { DestinationConfig: { OnFailure: { Destination: arn } } }, rules)
  expect(set).toEqual({ ok: true, value: { onFailureArn: arn } })
  const kept = applyEventInvoke({ onFailureArn: arn }, { MaximumRetryAttempts: 1 }, rules)
  expect(kept).toEqual({ ok: true, value: { onFailureArn: arn, maximumRetryAttempts: 1 } })
  const gone = applyEventInvoke({ onFailureArn: arn }, { DestinationConfig: { OnFailure: { Destination: '' } } }, rules)
  expect(gone).toEqual({ ok: true, value: {} })
})

it.each([
  [lambda('f:1'), "You can't specify the function as a destination for itself."],
  [lambda('missing'), `The destination ARN ${lambda('missing')} is invalid.`],
  ['arn:aws:lambda:us-east-1:210987654321:function:g', /is invalid\.$/],
  ['arn:aws:lambda:eu-west-1:123456789012:function:g', /is invalid\.$/],
  ['arn:aws:jetstream:us-east-1:123456789012:bucket/B', /is invalid\.$/],
  ['arn:aws:jetstream:us-east-1:210987654321:stream/S', /is invalid\.$/],
  ['arn:aws:events:us-east-1:210987654321:event-bus/default', /is invalid\.$/],
  ['arn:aws:sns:us-east-1:210987654321:orders', /is invalid\.$/],
  ['arn:aws:sns:us-east-1:123456789012:orders:00000000-0000-4000-8000-000000000000', /is invalid\.$/],
  ['arn:aws:rds:us-east-1:123456789012:db', /is invalid\.$/],
])('refuses %s as a destination', (arn, message) => {
  const refused = applyEventInvoke({}, { DestinationConfig: { OnSuccess: { Destination: arn } } }, rules)
  expect(refused).toMatchObject({
    error: { code: 'InvalidParameterValueException', message: expect.stringMatching(message) },
  })
})
