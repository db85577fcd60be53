import { expect, it } from 'vitest'
import { checkTenant } from './tenancy.ts'

const told = (tenancy: 'PER_TENANT' | undefined, tenantId?: string): string => {
  const checked = checkTenant(tenancy ? { tenancy } : {}, tenantId)
  return checked.ok ? 'taken' : checked.error.message
}

it.each(['a', 'a b', 'customer/42:x=1+2-3@4_.5', 'T'.repeat(256)])(
  'takes the tenant %j where tenants are kept apart',
  (id) => {
    expect(told('PER_TENANT', id)).toBe('taken')
  },
)

it.each([undefined, '', 'T'.repeat(257), 'a\nb', 'é', 'a*'])('refuses %j as no tenant', (id) => {
  expect(told('PER_TENANT', id)).toBe(
    'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.',
  )
})

it('takes no tenant where they are not kept apart', () => {
  expect(told(undefined)).toBe('taken')
  expect(told(undefined, 'a')).toMatch(/^The invoked function is not enabled with tenancy configuration\./)
})
