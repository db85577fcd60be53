import { type AwsError, type FunctionRecord, ok, type Result } from '@weft/contracts'
import { invalidParameter } from './errors.ts'

/** API model, TenantId: what a caller may call a tenant. */
const tenantPattern = /^[a-zA-Z0-9._:/=+\-@ ]{1,256}$/

export const isTenantId = (text: string): boolean => tenantPattern.test(text)

/**
 * Whether a call names a tenant exactly where its function keeps tenants apart. Errors: InvalidParameterValueException.
 */
export function checkTenant(
  { tenancy }: Pick<FunctionRecord, 'tenancy'>,
  tenantId: string | undefined,
): Result<void, AwsError> {
  if (tenancy === undefined)
    return tenantId === undefined
      ? ok(undefined)
      : invalidParameter(
          'The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try again.',
        )
  return tenantId !== undefined && isTenantId(tenantId)
    ? ok(undefined)
    : invalidParameter(
        'The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try again.',
      )
}

/** What has no caller that could name a tenant, or is of no tenant, does not go with keeping them apart. */
export const notWithTenancy = (feature: string): Result<never, AwsError> =>
  invalidParameter(`${feature} is not supported for functions with tenant isolation mode enabled.`)
