import { err } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { IdentityDirectory } from '@weft/policy'
import type { Authorizer } from '../../identity/authorizer.ts'
import type { AwsDoor } from '../door.ts'
import { fromAwsError, type QueryOperation, queryDoor } from '../query/query-door.ts'
import { accountOperations } from './account-operations.ts'
import { type IamCall, type IamOperation, toQueryError } from './call.ts'
import { groupOperations } from './group-operations.ts'
import { policyOperations } from './policy-operations.ts'
import { refusedIam } from './refused.ts'
import { roleOperations } from './role-operations.ts'
import { serviceLinkedRoles } from './service-linked-roles.ts'
import { simulateOperations } from './simulate-operations.ts'
import { userOperations } from './user-operations.ts'

export interface IamDoorDeps {
  readonly identities: IdentityDirectory
  readonly authorizer: Authorizer
  readonly clock: Pick<Clock, 'now'>
}

const operations = {
  ...roleOperations,
  ...serviceLinkedRoles,
  ...userOperations,
  ...groupOperations,
  ...policyOperations,
  ...simulateOperations,
  ...accountOperations,
}

/** Names of the operations of IAM that are served. */
export const iamOperationNames: readonly string[] = Object.keys(operations)

/** Identity and Access Management: who may do what in an account. */
export const iamDoor = (deps: IamDoorDeps): AwsDoor =>
  queryDoor({
    service: 'iam',
    namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    version: '2010-05-08',
    refused: refusedIam,
    operations: new Map(Object.entries(operations).map(([name, one]) => [name, guarded(deps, name, one)])),
  })

const guarded =
  ({ identities, authorizer, clock }: IamDoorDeps, name: string, { resource, run }: IamOperation): QueryOperation =>
  async ({ params, request }) => {
    const { principal, sourceIp } = request
    // AWS serves IAM to sessions of roles alone, unless a device has proved who asks, and there are none.
    if (principal.temporary)
      return err(
        toQueryError({
          code: 'InvalidClientTokenId',
          message: 'The security token included in the request is invalid',
        }),
      )
    const call: IamCall = { account: principal.accountId, principal, params, identities, clock }
    const asked = resource(call)
    // What is named wrongly is told so before anybody is asked about it.
    if (params.problem !== undefined) return err(toQueryError({ code: 'ValidationError', message: params.problem }))
    const refused = authorizer.authorize(principal, {
      action: `iam:${name}`,
      resource: asked,
      context: { 'aws:sourceip': sourceIp },
    })
    if (refused) return err(fromAwsError(refused))
    const outcome = await run(call)
    return outcome.ok ? outcome : err(toQueryError(outcome.error))
  }
