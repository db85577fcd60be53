import { ok } from '@weft/contracts'
import { userIdOf } from '../../identity/authorizer.ts'
import type { AwsDoor } from '../door.ts'
import { refusedSts } from '../iam/refused.ts'
import { type QueryOperation, queryDoor } from '../query/query-door.ts'
import { type AssumeRoleDeps, assumeRole } from './assume-role.ts'
import { getSessionToken } from './session-token.ts'

/** The Security Token Service, as far as it tells a caller who it is and lends it a role. */
export const stsDoor = (deps: AssumeRoleDeps): AwsDoor => {
  /** Needs no permission: whoever has credentials may know whose they are. */
  const getCallerIdentity: QueryOperation = ({ request: { principal } }) =>
    ok({ Arn: principal.arn, UserId: userIdOf(deps.identities, principal), Account: principal.accountId })
  return queryDoor({
    service: 'sts',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    version: '2011-06-15',
    refused: refusedSts,
    operations: new Map<string, QueryOperation>([
      ['GetCallerIdentity', getCallerIdentity],
      ['AssumeRole', assumeRole(deps)],
      ['GetSessionToken', getSessionToken(deps)],
    ]),
  })
}
