import type { FunctionRecord } from '@weft/contracts'
import { expect, it } from 'vitest'
import { eventInvokeOf, eventInvokeQualifiers, withEventInvoke } from './event-invoke.ts'

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
