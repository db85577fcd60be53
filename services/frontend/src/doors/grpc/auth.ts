import { createHash, timingSafeEqual } from 'node:crypto'
import type { PeerCertificate } from 'node:tls'
import type { Metadata } from '@grpc/grpc-js'
import { type AccountId, type AwsError, awsError, err, isAccountId, ok, type Result } from '@weft/contracts'
import type { Catalogue } from '@weft/registry'
import type { Principal } from '../door.ts'

type Accounts = Pick<Catalogue, 'accountOfKey' | 'account'>

const rootArn = (account: AccountId): string => `arn:aws:iam::${account}:root`

/** One refusal for an unknown key, an inactive one and a wrong secret: a caller learns nothing of which keys exist. */
const refused = (): AwsError =>
  awsError('UnrecognizedClientException', 'The security token included in the request is invalid.')

/**
 * Tells who calls, by `authorization: Bearer <accessKeyId>:<secretAccessKey>`, or else by the certificate that the
 * connection has proven, whose common name is the account id. A token that is present decides alone.
 */
export function authenticate(
  metadata: Metadata,
  certificate: PeerCertificate | undefined,
  accounts: Accounts,
): Result<Principal, AwsError> {
  const tokens = metadata.get('authorization')
  if (tokens.length > 1) return err(awsError('IncompleteSignatureException', 'More than one authorization given.'))
  const [token] = tokens
  if (token !== undefined) return byToken(String(token), accounts)
  if (certificate) return byCertificate(certificate, accounts)
  return err(
    awsError(
      'MissingAuthenticationTokenException',
      'Missing metadata authorization: Bearer <accessKeyId>:<secretAccessKey>',
    ),
  )
}

function byToken(token: string, accounts: Accounts): Result<Principal, AwsError> {
  const [, keyId, secret] = /^Bearer ([A-Za-z0-9]{1,128}):([\x21-\x7e]{1,256})$/i.exec(token) ?? []
  if (keyId === undefined || secret === undefined)
    return err(
      awsError('IncompleteSignatureException', 'authorization must be: Bearer <accessKeyId>:<secretAccessKey>'),
    )
  const account = accounts.accountOfKey(keyId)
  const key = account?.accessKeys.find((one) => one.accessKeyId === keyId)
  // Compared in any case, so that the time taken does not tell whether the key exists.
  const same = sameSecret(secret, key?.secretAccessKey ?? '')
  if (!account || key?.status !== 'Active' || !same) return err(refused())
  return ok({ accountId: account.accountId, arn: rootArn(account.accountId), keyId })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

function byCertificate(certificate: PeerCertificate, accounts: Accounts): Result<Principal, AwsError> {
  // A certificate with two common names is read as a list.
  const name: unknown = certificate.subject?.CN
  if (typeof name !== 'string' || !isAccountId(name) || !accounts.account(name)) return err(refused())
  return ok({ accountId: name, arn: rootArn(name), keyId: `certificate ${certificate.fingerprint256 ?? ''}`.trim() })
}
