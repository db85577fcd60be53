import { mintSession } from '@weft/aws'
import { err, ok } from '@weft/contracts'
import type { QueryCall, QueryError, QueryResult } from '../query/query-door.ts'
import { type AssumeRoleDeps, credentialMembers } from './assume-role.ts'

/** STS API reference of GetSessionToken; the root has its own for an hour. */
const duration = { min: 900, max: 129_600 }
const seconds = { user: 43_200, root: 3_600 }

/** Credentials of the caller's own that end by themselves. They open every door but that of IAM, as on AWS. */
export const getSessionToken =
  ({ clusterSecret, clock }: AssumeRoleDeps) =>
  ({ params, request: { principal } }: QueryCall): QueryResult => {
    const asked = params.integer('DurationSeconds', duration)
    if (params.problem !== undefined) return refuse('ValidationError', params.problem)
    const device = ['SerialNumber', 'TokenCode'].find((name) => params.has(name))
    if (device !== undefined) return refuse('ValidationError', `${device} is not served by this fabric.`)
    const { accountId, user, session, temporary } = principal
    if (session || temporary) return refuse('AccessDenied', 'Cannot call GetSessionToken with session credentials', 403)
    const lasts = user ? (asked ?? seconds.user) : Math.min(asked ?? seconds.root, seconds.root)
    const expiresAtMs = clock.now() + lasts * 1_000
    const own = { accountId, roleArn: '', sessionName: '', expiresAtMs, ...(user && { user }) }
    return ok({ Credentials: credentialMembers(mintSession(clusterSecret, own), expiresAtMs) })
  }

const refuse = (code: string, message: string, status = 400): { readonly ok: false; readonly error: QueryError } =>
  err({ code, message, status })
