import { type AwsError, awsError, err, type Result } from '@weft/contracts'
import type { Principal } from '../doors/door.ts'
import type { Credentials } from './credentials.ts'

/** A secret has no colon in it. */
const tokenPattern = /^Bearer ([A-Za-z0-9]{1,128}):([\x21-\x39\x3b-\x7e]{1,256})(?::([\x21-\x7e]{1,16384}))?$/i

/** Who calls, by `Bearer <accessKeyId>:<secretAccessKey>[:<sessionToken>]`: where a caller tells its secret instead of signing. */
export function byToken(token: string, credentials: Pick<Credentials, 'authenticate'>): Result<Principal, AwsError> {
  const [, keyId, secret, sessionToken] = tokenPattern.exec(token) ?? []
  if (keyId === undefined || secret === undefined)
    return err(
      awsError(
        'IncompleteSignatureException',
        'authorization must be: Bearer <accessKeyId>:<secretAccessKey>[:<sessionToken>]',
      ),
    )
  return credentials.authenticate(keyId, secret, sessionToken)
}
