import { type KeyLookup, openSession, unknownKey } from '@weft/aws'
import { err, ok } from '@weft/contracts'
import type { Clock } from '@weft/platform'
import type { Catalogue } from '@weft/registry'
import type { Principal } from '../doors/door.ts'

export interface CredentialOwner {
  readonly secretAccessKey: string
  readonly principal: Principal
}

/** Long-lived keys from the catalogue; session credentials from what they say of themselves, under the fabric's seal. */
export const credentialLookup =
  (
    catalogue: Pick<Catalogue, 'accountOfKey' | 'account'>,
    clusterSecret: string,
    clock: Pick<Clock, 'now'>,
  ): KeyLookup<CredentialOwner> =>
  (accessKeyId, sessionToken) => {
    if (sessionToken !== undefined) {
      const opened = openSession(clusterSecret, sessionToken, accessKeyId, clock.now())
      if (!opened.ok) return opened
      const { accountId, roleArn, functionName, secretAccessKey } = opened.value
      if (!catalogue.account(accountId)) return err(unknownKey)
      const role = roleArn.slice(roleArn.lastIndexOf('/') + 1)
      const arn = `arn:aws:sts::${accountId}:assumed-role/${role}/${functionName}`
      return ok({
        secretAccessKey,
        principal: { accountId, arn, keyId: accessKeyId, session: { roleArn, functionName } },
      })
    }
    const account = catalogue.accountOfKey(accessKeyId)
    const key = account?.accessKeys.find((one) => one.accessKeyId === accessKeyId)
    if (!account || key?.status !== 'Active') return err(unknownKey)
    return ok({
      secretAccessKey: key.secretAccessKey,
      principal: { accountId: account.accountId, arn: `arn:aws:iam::${account.accountId}:root`, keyId: accessKeyId },
    })
  }
